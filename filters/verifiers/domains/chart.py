"""Charts: what is read off one is close, a year is exact, a name is the same; sets item by item."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import ClassVar

from filters.verifiers.bounds import MOST_ITEMS, TooComplexError
from filters.verifiers.domain import Domain, bad_reference, decided, right, wrong
from filters.verifiers.domains.math import same_year
from filters.verifiers.judgeable import judgeable
from filters.verifiers.number import is_close, read_number
from filters.verifiers.text import said_in, same_text
from schemas.grade import Grade
from schemas.task import Task

REL_TOL = 2.5e-2
FIRST_YEAR, LAST_YEAR = 1000, 3000
_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "b": 9, "bn": 9,
           "trillion": 12, "t": 12}  # fmt: skip
_SCALED = re.compile(r"(?P<number>[^A-Za-z]*[0-9.%])\s*(?P<scale>[A-Za-z]+)?(?P<unit>\s+[A-Za-z ]+)?")
_SEPARATORS = re.compile(r"\s*(?:;|,(?![0-9]{3}(?![0-9]))|\band\b|\n)\s*")


class Chart(Domain, frozen=True):
    """Numbers within a relative error of 2.5e-2, of a whole from 1000 to 3000 exactly unless `answer_type` is number.

    A number may be scaled (3.2 million) and followed by the unit asked for or words of the question.
    """

    name: ClassVar = "chart"
    reads: ClassVar = ("rel_tol", "answer_type", "unit")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        kind = task.parameters.answer_type
        if kind == "set":
            return decided(answer, self._same_set(answer, task))
        if kind == "year" or (not kind and _may_be_year(task.reference)):
            return decided(answer, same_year(answer.strip().rstrip("."), task))
        reference = None if kind == "text" else scaled(task.reference, task)
        if reference is None:
            if kind == "number":
                raise bad_reference(task, "a number")
            return right(answer) if same_text(answer, task.reference) else judgeable(answer, task)
        found = scaled(answer, task)
        if found is None:
            return wrong(answer, "unreadable")
        return decided(answer, is_close(found, reference, _rel_tol(task)))

    def _same_set(self, answer: str, task: Task) -> bool:
        said, left = _items(answer), _items(task.reference)
        if len(said) != len(left):
            return False
        for one in said:
            at = next((at for at, other in enumerate(left) if _same_item(one, other, task)), None)
            if at is None:
                return False
            del left[at]
        return True


def scaled(text: str, task: Task) -> Fraction | None:
    """Return the number that a text is, with its scale; words after it have to be the task's."""
    found = _SCALED.fullmatch(text.strip())
    number = read_number(found["number"] if found else text)
    if number is None:
        return None
    if not found:
        return number.value
    asked = f"{task.question} {task.parameters.unit} {task.reference}"
    scale = (found["scale"] or "").casefold()
    unit = (found["unit"] or "").strip()
    if scale not in _SCALES:
        unit, scale = f"{found['scale'] or ''} {unit}".strip(), ""
    if unit and not said_in(unit, asked):
        return None
    if number.percent and not _asks_percent(asked) and "%" not in task.reference:
        return number.value / 100
    return number.value * Fraction(10) ** _SCALES.get(scale or _asked_scale(task, text), 0)


def _asked_scale(task: Task, text: str) -> str:
    """A bare number is in the scale asked for; the reference too."""
    unit = task.parameters.unit.casefold().split()
    return unit[0] if unit and unit[0] in _SCALES else ""


def _asks_percent(asked: str) -> bool:
    return "%" in asked or said_in("percent", asked) or said_in("percentage", asked) or said_in("share", asked)


def _may_be_year(reference: str) -> bool:
    number = read_number(reference)
    plain = number is not None and number.whole and not number.percent and not number.currency and "," not in reference
    return number is not None and plain and FIRST_YEAR <= number.value <= LAST_YEAR


def _items(text: str) -> list[str]:
    found = [one for one in _SEPARATORS.split(text.strip().strip("[]{}().")) if one.strip()]
    if len(found) > MOST_ITEMS:
        raise TooComplexError
    return found


def _same_item(one: str, other: str, task: Task) -> bool:
    if _may_be_year(other):
        return one.strip() == other.strip()
    said, due = scaled(one, task), scaled(other, task)
    if due is None:
        return same_text(one, other)
    return said is not None and is_close(said, due, _rel_tol(task))


def _rel_tol(task: Task) -> float:
    return REL_TOL if task.parameters.rel_tol < 0 else task.parameters.rel_tol
