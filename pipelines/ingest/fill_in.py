"""Fill in: a question with choices, of which one is right, asked without them, where that leaves one answer.

What is refused is told with its reason, and rather too much than too little: a question that many answers fit teaches
a model that the right one is wrong. So is one whose answer could still be guessed: yes or no, this or that.
"""

from __future__ import annotations

import re
from fractions import Fraction

from pipelines.ingest.choices import Choices
from schemas.errors import BadSample

MOST_ANSWER_WORDS = 6

_AMONG = re.compile(
    r"\b(which|what|who) (one |ones |two |of )*(of |among )(the|these|those)\b"
    r"|\b(following|options?|choices?|alternatives?|listed|given below|shown below|statements?|choose|select|pick)\b"
    r"|\bwhich (one|option|choice|answer|statements?|best|most|is (not|true|false|correct|best))\b"
    r"|下列|以下|选项|哪个|哪一|哪些|哪种",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\b(could|may|might) (be|have|equal|represent)\b|\b(must|can) (be|equal)\b|\bnot\b|\bexcept\b|\bbest\b|\bclosest\b"
    r"|\b(happens?|affected|likely)\b|\b(increases?|decreases?) if\W*$"
    r"|\b(approximately|roughly|estimate|about how)\b|\bequivalent\b|\bpossible (value|solution|answer)|\ban? example\b"
    r"|可能|大约|不正确|错误",
    re.IGNORECASE,
)
_ABOUT_CHOICES = re.compile(
    r"\b(all|none|any|both|neither|each|either) of\b|^(neither|both|it varies)\b"
    r"|\b(both|neither) [A-F]\b|\b[A-F] (and|or) [A-F]\b"
    r"|\b(cannot|can't|can not) be (determined|calculated|inferred)|\b(not enough information|unable to|none|n/?a)\b"
    r"|无法确定|以上",
    re.IGNORECASE,
)
_SIDE = re.compile(
    r"(it (will|would) (also )?)?(yes|no|true|false|correct|incorrect|right|wrong|(slight(ly)? )?(in|de)creases?"
    r"|(remains?|stays?) (the )?same|nothing|no change|(larger|smaller|greater|less|more|fewer) than|equal( to)?"
    r"|是|否|对|错)"
)
_A_CHOICE = re.compile(
    r"(figure|fig\.?|graph|image|picture|option|choice|diagram|table|panel|curve|line|point|item|object)?\s*"
    r"\(?([A-Z]|[ivx]+|\d{0})\)?\.?",
    re.IGNORECASE,
)
_LETTERS_IN_THINKING = re.compile(r"\b([Oo]ption|[Cc]hoice|[Aa]nswer is)s?\s*\(?[A-H]\b|\([A-H]\)\s*(is|are)\b")
_WORD = re.compile(r"(?<!\\)\b[^\W\d_]{2,}")
_BLANK = re.compile(r"[（(][\s_]*[）)]\s*[.。]?$|_{2,}|\(_\)")


def fill_in(choices: Choices, answer: str, *, has_media: bool) -> tuple[str, str]:
    """Return a question without its choices, and its answer in words; raises BadSample with the reason against it."""
    place = choices.place_of(answer)
    if place is None:
        raise BadSample("answer_not_a_choice", f"{answer!r:.100} is none of {len(choices.texts)} choices")
    said = choices.texts[place]
    if reason := _refused(choices, said, has_media):
        raise BadSample(reason, f"{choices.stem:.200} [{said:.60}]")
    return "\n".join(filter(None, (_asked(choices.stem), choices.behind))), said


def thinking_stands(think: str) -> bool:
    """Say whether thinking can stand behind a question without choices: where it speaks of none by its letter."""
    return not _LETTERS_IN_THINKING.search(think)


def _refused(choices: Choices, said: str, has_media: bool) -> str:
    folded = [" ".join(text.casefold().split()).rstrip(".") for text in choices.texts]
    if not choices.stem or not said:
        return "empty_question"
    if len({*map(_value, folded)}) < len(folded):
        return "choices_not_unique"
    if any(map(_ABOUT_CHOICES.search, choices.texts)):
        return "choice_about_choices"
    if _A_CHOICE.fullmatch(said):
        return "answer_is_a_choice"
    if any(map(_SIDE.fullmatch, folded)) or all(text in choices.stem.casefold() for text in folded):
        return "still_a_choice"
    if _AMONG.search(choices.stem) or (not has_media and re.search(r"\bwhich\b", choices.stem, re.IGNORECASE)):
        return "asks_among_choices"
    if _MANY.search(choices.stem):
        return "many_answers"
    return "answer_too_open" if len(_WORD.findall(said)) > MOST_ANSWER_WORDS else ""


def _asked(stem: str) -> str:
    """Return a question as it is, and a sentence that breaks off with a blank to fill in."""
    if _BLANK.search(stem) or "?" in stem or stem.rstrip().endswith(("?", "？", ".", "。", "!")):
        return stem
    return f"{stem.rstrip()} ____"


def _value(text: str) -> str | Fraction:
    """Return a number as such, so that 0.5 and 1/2 are one, and any other text as it is."""
    try:
        return Fraction(text.replace(",", "").replace(" ", "").lstrip("$"))
    except (ValueError, ZeroDivisionError):
        return text
