"""Where a picture was taken: the same place by name, else a judge, whose word may be partial."""

from __future__ import annotations

import re
from typing import ClassVar

from filters.verifiers.domain import Domain, right, wrong
from filters.verifiers.judgeable import judgeable
from filters.verifiers.text import plain
from schemas.grade import Grade
from schemas.task import Task

MOST_CHARS = 50
MORE_NAMES = 1
"""A country may come with its city."""
_SEVERAL = re.compile(r"\band\b|[/;\n]", re.IGNORECASE)
_PARTS = re.compile(r"\s*[,;|>]\s*")


class Geo(Domain, frozen=True):
    """A place of at most 50 characters, or what the reference has: its names in either order; the rest by a judge."""

    name: ClassVar = "geo"
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        said, due = _names(answer), _names(task.reference)
        if said and said == due:
            return right(answer)
        if len(answer) > max(MOST_CHARS, len(task.reference)):
            return wrong(answer, "too_long")
        if _SEVERAL.search(answer) and not _SEVERAL.search(task.reference):
            return wrong(answer, "hedged")
        return judgeable(answer, task, more_names=MORE_NAMES)


def _names(text: str) -> frozenset[str]:
    return frozenset(name for part in _PARTS.split(text) if (name := plain(part)))
