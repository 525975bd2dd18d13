"""Counting: one whole number, in digits or as a word; no judge, which a range could talk to."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.bounds import MOST_NUMBER_CHARS, check_size
from filters.verifiers.domain import Domain, bad_reference, decided, wrong
from filters.verifiers.number import read_count
from filters.verifiers.text import said_in
from schemas.grade import Grade
from schemas.task import Task

_MOST_WORDS_AFTER = 3


class Counting(Domain, frozen=True):
    """A whole number, equal or not: 7, 7.0, seven, "7 birds" where the question says birds."""

    name: ClassVar = "counting"

    def grade(self, answer: str, task: Task) -> Grade:
        reference = read_count(task.reference)
        if reference is None:
            raise bad_reference(task, "a whole number")
        check_size(answer, MOST_NUMBER_CHARS)
        found = counted(answer, task)
        return wrong(answer, "unreadable") if found is None else decided(answer, found == reference)


def counted(answer: str, task: Task) -> int | None:
    """Return the count that an answer is, with or without the things that were counted."""
    found = read_count(answer)
    if found is not None:
        return found
    first, *after = answer.strip().rstrip(".").split(" ")
    things = " ".join(after)
    if not after or len(after) > _MOST_WORDS_AFTER or not said_in(things, task.question):
        return None
    return read_count(first)
