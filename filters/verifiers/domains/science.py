"""Quantities of physics and chemistry: numbers with units, compared in the unit of the reference."""

from __future__ import annotations

import re
from fractions import Fraction

from filters.verifiers.domain import decided, unknown, wrong
from filters.verifiers.number import is_close
from filters.verifiers.units import Quantity, converted, known, read_quantity
from schemas.grade import Grade
from schemas.task import Task

_WORDS = re.compile(r"[A-Za-zµΩÅ°/ .]+")


def grade_quantity(answer: str, task: Task, rel_tol: float) -> Grade | None:
    """Grade an answer to a reference that is a quantity, None where there is no unit on either side.

    A bare number is in the unit asked for; where none was asked for and the reference has one, a bare number that is
    the reference's is unknown. A unit that pint does not know is unknown where the numbers agree.
    """
    reference, found = read_quantity(task.reference), read_quantity(answer)
    asked = task.parameters.unit
    if reference is None or not (reference.unit or asked):
        return None
    if found is None:
        return wrong(answer, "unreadable")
    due = Quantity(reference.value, reference.unit or asked)
    if not found.unit and not asked:
        return unknown(answer) if is_close(found.value, due.value, rel_tol) else wrong(answer)
    given = Quantity(found.value, found.unit or asked)
    within = converted(given, due.unit)
    if within is not None:
        return decided(answer, is_close(within, due.value, rel_tol))
    return _unknown_unit(answer, given, due, rel_tol)


def _unknown_unit(answer: str, given: Quantity, due: Quantity, rel_tol: float) -> Grade:
    agree = is_close(given.value, Fraction(due.value), rel_tol)
    if agree and _letters(given.unit) == _letters(due.unit):
        return decided(answer, True)
    strange = _WORDS.fullmatch(given.unit) and not (known(given.unit) and known(due.unit))
    return unknown(answer) if agree and strange else wrong(answer)


def _letters(unit: str) -> str:
    return "".join(unit.casefold().split()).removesuffix("s")
