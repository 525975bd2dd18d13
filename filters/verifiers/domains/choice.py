"""Multiple choice: a letter, or an option's text, and only one of them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import ClassVar

from filters.verifiers.bounds import MOST_ITEMS, MOST_MATH_CHARS, TooComplexError, check_size
from filters.verifiers.domain import Domain, bad_reference, decided, wrong
from filters.verifiers.number import read_number
from filters.verifiers.text import plain
from filters.verifiers.units import read_quantity
from schemas.errors import BadInput
from schemas.grade import Grade
from schemas.task import Task

_LETTER = re.compile(
    r"(?:(?:the )?(?:correct )?(?:option|choice|answer)(?: is|:)?\s+)?"
    r"[(\[]?(?P<letter>[A-Za-z])(?:[)\].:]|(?=\s*$))\s*(?P<text>.*)",
    re.DOTALL | re.IGNORECASE,
)
_LETTERS = re.compile(r"\s*(?:,|;|/|&|\band\b|\s)\s*", re.IGNORECASE)
_WITHOUT = re.compile(r"[\s$\\{}]")


class Choice(Domain, frozen=True):
    """One of `options`, by letter, by text, or by both where they agree; with `multi` a set of letters.

    The reference is a letter or an option's text. Without options letters alone are compared.
    """

    name: ClassVar = "choice"
    reads: ClassVar = ("options", "multi")

    def grade(self, answer: str, task: Task) -> Grade:
        options = task.parameters.options
        if len(options) > MOST_ITEMS:
            raise BadInput(f"{len(options)} options", where="a task of choice", remedy=f"give {MOST_ITEMS} at most")
        check_size(answer, MOST_MATH_CHARS + max(map(len, options), default=0))
        if task.parameters.multi:
            return _several(answer, task)
        reference = chosen(task.reference, options)
        if reference is None:
            raise bad_reference(task, "one of the options")
        found = chosen(answer, options)
        return wrong(answer, "unreadable") if found is None else decided(answer, found == reference)


def chosen(text: str, options: tuple[str, ...]) -> int | None:
    """Return the place of the option that a text names, None where it names none, or two.

    An option's very text comes before its letter, since options may be letters in an order of their own; of two
    options with one text the first is meant.
    """
    text = text.strip()
    if text in options:
        return options.index(text)
    found = _LETTER.fullmatch(text)
    if found:
        place = ord(found["letter"].upper()) - ord("A")
        said = found["text"].strip()
        if options and place >= len(options):
            return _by_text(text, options)
        if not said or (options and _spelled(said) == _spelled(options[place])):
            return _first_alike(place, options)
    return _by_text(text, options)


def _first_alike(place: int, options: tuple[str, ...]) -> int:
    return options.index(options[place]) if options else place


def _by_text(text: str, options: tuple[str, ...]) -> int | None:
    """Return the one option that a text is; a number is also told by its value."""
    places = [place for place, option in enumerate(options) if _spelled(option) == _spelled(text)]
    if not places and (number := read_number(text)) is not None:
        places = [place for place, value in enumerate(_values(options)) if value == number.value]
    return options.index(options[places[0]]) if len({options[at] for at in places}) == 1 else None


def _values(options: tuple[str, ...]) -> list[Fraction | None]:
    """Return the options' numbers where those that are numbers are in one unit."""
    found = [read_quantity(option) for option in options]
    units = {one.unit for one in found if one}
    return [one.value if one and len(units) == 1 else None for one in found]


def _spelled(text: str) -> str:
    return _WITHOUT.sub("", plain(text))


def _several(answer: str, task: Task) -> Grade:
    reference = _places(task.reference, task.parameters.options)
    if not reference:
        raise bad_reference(task, "a set of letters")
    found = _places(answer, task.parameters.options)
    return wrong(answer, "unreadable") if not found else decided(answer, found == reference)


def _places(text: str, options: tuple[str, ...]) -> frozenset[int] | None:
    text = text.strip().rstrip(".")
    if text.isascii() and text.isalpha() and text.isupper():
        parts = list(text)
    else:
        parts = [one.strip("()[]. ") for one in _LETTERS.split(text.strip("{}")) if one.strip("()[]. ")]
    if len(parts) > MOST_ITEMS:
        raise TooComplexError
    if not all(len(one) == 1 and one.isascii() and one.isalpha() for one in parts):
        return None
    places = [ord(one.upper()) - ord("A") for one in parts]
    if len(set(places)) < len(places) or (options and max(places, default=0) >= len(options)):
        return None
    return frozenset(places)
