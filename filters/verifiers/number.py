"""Numbers as people write them: read exactly, compared by a true relative error.

Digits are ASCII alone. `int` and `str.isdigit` take those of every script and superscripts too, and so would pay for
answers that no reader of the reference would call equal.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite

from msgspec import Struct

from filters.verifiers.bounds import MOST_NUMBER_CHARS, check_size

MOST_EXPONENT = 308
_MINUS = str.maketrans({"\u2212": "-", "\u2012": "-", "\uff0d": "-"})
_NUMBER = re.compile(
    r"""(?P<sign>[-+]?)\s?(?P<currency>[$€£¥]?)\s?(?P<again>-?)
    (?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?P<part>\.[0-9]*)?
    (?:(?:[eE]|\s?(?:[x×*]|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?)\{?\(?(?P<power>[-+]?[0-9]{1,4})\)?\}?)?
    (?P<percent>\s?\\?%)?\.?""",
    re.VERBOSE,
)
_FRACTION = re.compile(r"(?P<sign>[-+]?)(?:(?P<whole>[0-9]+)\s+)?(?P<above>[0-9]+)\s?/\s?(?P<below>[0-9]+)\.?")
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: count for count, word in enumerate(_ONES)} | {word: 20 + 10 * at for at, word in enumerate(_TENS)}


class Number(Struct, frozen=True):
    """A number: its value as it is written (50 for 50 %), whether it is a whole number, a percentage, an amount."""

    value: Fraction
    whole: bool
    percent: bool = False
    currency: str = ""


def read_number(text: str) -> Number | None:
    """Return the number that a text is, None where it is anything else; raises TooComplexError."""
    text = text.strip().translate(_MINUS)
    if not text or text[0] not in "+-.$€£¥0123456789":
        return None
    check_size(text, MOST_NUMBER_CHARS)
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        return _fraction(fraction)
    found = _NUMBER.fullmatch(text)
    if not found or not (found["whole"] or (found["part"] or "")[1:]) or (found["sign"] and found["again"]):
        return None
    value = Fraction(f"{(found['whole'] or '0').replace(',', '')}{found['part'] or ''}".rstrip("."))
    power = int(found["power"] or 0)
    if abs(power) > MOST_EXPONENT:
        return None
    value *= Fraction(10) ** power
    negative = found["sign"] == "-" or found["again"] == "-"
    whole = not found["part"] and not found["power"]
    return Number(-value if negative else value, whole, bool(found["percent"]), found["currency"])


def read_count(text: str) -> int | None:
    """Return the whole number from 0 that a text is, in digits or in an English word below a hundred."""
    number = read_number(text)
    if number:
        counted = number.value.denominator == 1 and number.value >= 0 and not number.percent and not number.currency
        return int(number.value) if counted else None
    return _count_in_words(text.strip().rstrip(".").lower())


def is_close(answer: Fraction, reference: Fraction, rel_tol: float) -> bool:
    """Return whether an answer lies within a relative error of the reference, which is exact where it is 0."""
    return abs(answer - reference) <= Fraction(rel_tol) * abs(reference)


def exactly(value: float) -> Fraction | None:
    """Return a float as a fraction, None where it is not finite."""
    return Fraction(value) if isfinite(value) else None


def _fraction(found: re.Match[str]) -> Number | None:
    below = int(found["below"])
    if below == 0:
        return None
    value = int(found["whole"] or 0) + Fraction(int(found["above"]), below)
    return Number(-value if found["sign"] == "-" else value, False)


def _count_in_words(text: str) -> int | None:
    first, _, second = text.replace("-", " ").partition(" ")
    if first in _TENS and second in _ONES[1:10]:
        return _WORDS[first] + _WORDS[second]
    return _WORDS.get(first) if not second else None
