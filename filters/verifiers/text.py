"""Texts as answers: the same words, whatever their case, spaces, quotes and final stop."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "‑": "-"})
_AROUND = "\"'`*_$ .,;!。，"
_ARTICLE = re.compile(r"(?:the|a|an) (?=\S)")
_LATEX_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mbox)\s?\{([^{}]*)\}")
_NO_NAMES = frozenset(
    (
        "or", "and", "to", "not", "but", "nor", "either", "neither", "than", "minus", "plus", "zero", "one", "two",
        "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "thirty",
        "forty", "fifty", "about", "almost", "nearly", "most", "least", "more", "less", "between", "maybe",
    )
)  # fmt: skip
_ONE_LETTER = re.compile(r"^\(([A-Za-z])\)$")
_WORD = re.compile(r"[^\W_]+")


def plain(text: str, case_sensitive: bool = False) -> str:
    """Return a text in one spelling: composed, spaces single, no quotes around, no article before, no stop after."""
    text = _LATEX_TEXT.sub(r"\1", unicodedata.normalize("NFC", text)).translate(_QUOTES)
    text = _ONE_LETTER.sub(r"\1", _SPACES.sub(" ", text).strip(_AROUND))
    if case_sensitive:
        return text
    return _ARTICLE.sub("", text.casefold(), count=1) if _ARTICLE.match(text.casefold()) else text.casefold()


def same_text(answer: str, reference: str, case_sensitive: bool = False) -> bool:
    """Return whether two texts are the same in one spelling, and say anything."""
    said = plain(answer, case_sensitive)
    return bool(said) and said == plain(reference, case_sensitive)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.casefold())


def said_in(asked: str, question: str) -> bool:
    """Return whether every word stands in a question, in singular or plural, and none counts or joins.

    A question may say "7 or 8 birds": the answer "7 or 8" names no unit.
    """
    there = {_stem(word) for word in words(question)}
    found = words(asked)
    names = all(word.isalpha() and word not in _NO_NAMES for word in found)
    return bool(found) and names and all(_stem(word) in there for word in found)


def _stem(word: str) -> str:
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + instead
    return word.removesuffix("e") if len(word) > 2 else word
