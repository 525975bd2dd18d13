"""General questions on pictures: yes and no, numbers and the same words by rule, other words by a judge."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain, decided, right, wrong
from filters.verifiers.domains.choice import Choice
from filters.verifiers.domains.math import Math
from filters.verifiers.judgeable import judgeable
from filters.verifiers.number import read_count, read_number
from filters.verifiers.text import plain, same_text
from schemas.grade import Grade
from schemas.task import Task

_YES = frozenset(("yes", "true", "correct"))
_NO = frozenset(("no", "false", "incorrect"))


class Vqa(Domain, frozen=True):
    """Options as in choice, numbers as in math, yes and no, the same words; what is left goes to a judge."""

    name: ClassVar = "vqa"
    reads: ClassVar = ("rel_tol", "answer_type", "unit", "options", "case_sensitive")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        return grade_short(answer, task)


def grade_short(answer: str, task: Task) -> Grade:
    """Grade a short answer of any kind, by the kind that the reference is."""
    if task.parameters.options:
        return Choice().grade(answer, task)
    if same_text(answer, task.reference, bool(task.parameters.case_sensitive)):
        return right(answer)
    if task.parameters.answer_type != "text":
        if _polar(task.reference) is not None:
            return _grade_polar(answer, task)
        if read_number(task.reference) is not None:
            return _grade_number(answer, task)
    return judgeable(answer, task)


def _grade_number(answer: str, task: Task) -> Grade:
    word, due = read_count(answer), read_count(task.reference)
    if word is not None and word == due:
        return right(answer)
    return Math().grade(answer, task)


def _polar(text: str) -> bool | None:
    word = plain(text)
    return True if word in _YES else False if word in _NO else None


def _grade_polar(answer: str, task: Task) -> Grade:
    """Yes, or yes and why; both words are none."""
    due = _polar(task.reference)
    first, _, rest = plain(answer).partition(",")
    said = _polar(first)
    if said is None:
        return wrong(answer, "unreadable")
    both = any(word.strip(".") in _YES | _NO for word in rest.split())
    return wrong(answer, "hedged") if both else decided(answer, said is due)
