"""Questions on long documents: numbers, yes and no, and the same words by rule, the meaning by a judge."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain, right, wrong
from filters.verifiers.domains.vqa import grade_short
from filters.verifiers.text import plain
from schemas.grade import Grade
from schemas.task import Task

_NOT_THERE = frozenset(
    (
        "not answerable", "unanswerable", "not mentioned", "not stated", "no answer", "none", "not found", "n/a",
        "cannot be answered", "not given", "not specified", "not in the document", "not in document",
    )
)  # fmt: skip


class LongDocument(Domain, frozen=True):
    """As general questions; that the document does not say it is one answer in any of its wordings."""

    name: ClassVar = "long_document"
    reads: ClassVar = ("rel_tol", "answer_type", "unit", "options", "case_sensitive")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        said, due = plain(answer) in _NOT_THERE, plain(task.reference) in _NOT_THERE
        if said or due:
            return right(answer) if said and due else wrong(answer)
        return grade_short(answer, task)
