"""Origin: what an answer was taken from, as notes, so that rounds of answers can be judged by it."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.taken import taken_of
from schemas.vocabulary.answers import ANSWER_BY, ANSWER_ROUND, ANSWER_TASK, PASS_RATE, TASK_SKILL


class Origin(Annotator, frozen=True):
    """Writes an answer's task, who gave it, in which round, and the pass rate and the skill of its task.

    A sample that was not taken from a graded task is a failed row.
    """

    writes: ClassVar = (ANSWER_TASK, ANSWER_BY, ANSWER_ROUND, PASS_RATE, TASK_SKILL)

    @property
    def batch(self) -> int:
        return 256

    def look(self, subject: Subject) -> Noted:
        source = subject.sample.source
        taken = taken_of(source.meta)
        if not source.parent:
            raise BadSample("not_taken", "it has no task as its parent")
        return Noted(
            {
                "answer_task": source.parent,
                "answer_by": taken.by,
                "answer_round": taken.round,
                "pass_rate": taken.pass_rate,
                "task_skill": taken.skill,
            }
        )
