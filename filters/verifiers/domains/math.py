"""Mathematics: numbers within a tolerance, expressions by their values; else the same text, or a judge."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import ClassVar

from msgspec import structs

from filters.verifiers.domain import Domain, bad_reference, decided, right, wrong
from filters.verifiers.expression import read
from filters.verifiers.judgeable import judgeable
from filters.verifiers.number import read_number
from filters.verifiers.same import Tolerance, same
from filters.verifiers.text import said_in, same_text
from filters.verifiers.tree import Node, letters
from filters.verifiers.units import Quantity, converted, known, read_quantity
from schemas.grade import Grade
from schemas.task import Task

_CURRENCY = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen yuan"}
_MAY_BE_UNIT = re.compile(r"(?:[0-9]|\bin|\bmany|\bper)\s?([A-Za-z]{1,2})\b|\b([A-Za-z]{3,})\b")
_MOST_SYMBOL_CHARS = 4
_NAMED = re.compile(r"(?:\\(?:text|mathrm)\s?)?(?P<name>\{?[A-Za-z][A-Za-z0-9_ ]{0,30}\}?)\s*=\s*(?P<rest>[^=<>]+)")


class Math(Domain, frozen=True):
    """Numbers and expressions, in LaTeX or typed, within a relative error of 1e-6; two whole numbers exactly.

    A bare number is in the unit asked for. An answer's unit is taken off where it is the unit asked for, or where the
    question names it and no unit of that kind beside.
    """

    name: ClassVar = "math"
    reads: ClassVar = ("rel_tol", "answer_type", "unit")
    judged: ClassVar = True
    rel_tol: float = 1e-6

    def grade(self, answer: str, task: Task) -> Grade:
        kind = task.parameters.answer_type
        if kind == "text":
            return right(answer) if same_text(answer, task.reference) else judgeable(answer, task)
        if kind == "year":
            return decided(answer, same_year(answer, task))
        reference = read(task.reference)
        if reference is None:
            return self._text(answer, task)
        if same_text(answer, task.reference, case_sensitive=True):
            return right(answer)
        return self._mathematics(answer, reference, task)

    def _text(self, answer: str, task: Task) -> Grade:
        """Grade by a reference that is no mathematics: a number with a unit, in which a bare number is, or words."""
        if same_text(answer, task.reference):
            return right(answer)
        due = read_quantity(task.reference)
        if due is None or not due.unit:
            return judgeable(answer, task)
        asked = structs.replace(task.parameters, unit=task.parameters.unit or due.unit)
        return self.grade(answer, structs.replace(task, reference=str(due.value), parameters=asked))

    def _mathematics(self, answer: str, reference: Node, task: Task) -> Grade:
        asked = task.parameters.rel_tol
        within = Tolerance(self.rel_tol if asked < 0 else asked, whole_exact=asked < 0)
        answer = unnamed(answer, task)
        tree = read(answer, letters(reference))
        if tree is not None and (same(tree, reference, within) or same(tree, _bare(reference), within)):
            return right(answer)
        number = bare(answer, task)
        if number is not None:
            found = read(number, letters(reference))
            return decided(answer, found is not None and same(_bare(found), _bare(reference), within))
        if tree is not None:
            return wrong(answer)
        return judgeable(answer, task) if letters(reference) else wrong(answer, "unreadable")


def unnamed(answer: str, task: Task) -> str:
    """Return an answer without the name of what is asked for, pH = 4.5, unless the reference has one."""
    found = _NAMED.fullmatch(answer.strip())
    if not found or "=" in task.reference:
        return answer
    name = found["name"].strip(" {}")
    return found["rest"] if len(name) <= _MOST_SYMBOL_CHARS or said_in(name, task.question) else answer


def same_year(answer: str, task: Task) -> bool:
    """Return whether an answer is the reference's year, exactly."""
    year, reference = read_number(answer), read_number(task.reference)
    if reference is None or not reference.whole:
        raise bad_reference(task, "a year")
    return year is not None and year.whole and "," not in answer and year == reference


def bare(answer: str, task: Task) -> str | None:
    """Return the number of an answer without the unit that the task asks for, None where it has another or none."""
    number = read_number(answer)
    if number is not None and (number.currency or number.percent):
        return _without_mark(answer, number.currency, task)
    found = read_quantity(answer)
    if found is None or not found.unit:
        return None
    asked = task.parameters.unit or _unit_of(task.reference)
    if asked:
        within = converted(found, asked)
        return str(within) if within is not None else str(found.value) if same_text(found.unit, asked) else None
    return str(found.value) if _names_alone(found.unit, task.question) else None


def _without_mark(answer: str, currency: str, task: Task) -> str | None:
    said = f"{task.question} {task.parameters.unit} {task.reference}"
    if currency and (currency in said or any(said_in(name, said) for name in _CURRENCY[currency].split())):
        return answer.replace(currency, "")
    if not currency and ("%" in said or said_in("percent", said) or said_in("percentage", said)):
        return answer.rstrip(".").rstrip("%\\ ")
    return None


def _unit_of(reference: str) -> str:
    found = read_quantity(reference)
    return found.unit if found else ""


def _names_alone(unit: str, question: str) -> bool:
    """Whether a question names a unit, in any of its names, and no other of its kind.

    A short word is a unit where a number, or what asks for one, stands before it: cm, but not in, m or a alone.
    """
    if not known(unit):
        return said_in(unit, question)
    one = Quantity(Fraction(1), unit)
    named = {short or long for short, long in _MAY_BE_UNIT.findall(question)}
    sizes = {converted(one, word) for word in named} - {None}
    return sizes == {1} or (not sizes and said_in(unit, question))


def _bare(node: Node) -> Node:
    """Take the mark off 50 %."""
    return node.below[0] if node.kind == "percent" else node
