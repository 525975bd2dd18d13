"""Graded: the verifier of each task's domain looks at what was answered, and the task's difficulty comes out.

It stands here and not among the annotators, since it brings verifiers, which are judgements, to a sample's responses.
"""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from filters.verifiers.verify import verify
from pipelines.tasks.difficulty import difficulty
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.task import posed_of
from schemas.vocabulary import (
    ANSWERED,
    DIFFICULTY,
    EXTRACTED,
    GRADES,
    PASS_RATE,
    RESPONSES,
    REWARDS,
    RIGHT_ANSWERS,
    TASK_DOMAIN,
    TASK_SKILL,
)


class Graded(Annotator, frozen=True):
    """Grades every response; a task whose reference its verifier cannot read is a failed row."""

    reads: ClassVar = (RESPONSES.name,)
    writes: ClassVar = (
        TASK_DOMAIN,
        TASK_SKILL,
        REWARDS,
        GRADES,
        EXTRACTED,
        ANSWERED,
        RIGHT_ANSWERS,
        PASS_RATE,
        DIFFICULTY,
    )
    cases: ClassVar = DIFFICULTY.name

    def look(self, subject: Subject) -> Noted:
        task, responses = posed_of(subject.sample.source.meta).task, subject.notes["responses"]
        try:
            grades = [verify(response, task) for response in responses]
        except BadInput as error:
            raise BadSample("bad_task", str(error)) from None
        if not grades:
            raise BadSample("no_responses", "nobody answered it")
        right = sum(grade.reward == 1 for grade in grades)
        tier = difficulty(right / len(grades), task.difficulty)
        return Noted(
            {
                "task_domain": task.domain,
                "task_skill": task.skill or task.domain,
                "rewards": [grade.reward for grade in grades],
                "grades": [grade.reason for grade in grades],
                "extracted": [grade.extracted for grade in grades],
                "answered": len(grades),
                "right_answers": right,
                "pass_rate": right / len(grades),
                "difficulty": tier,
            },
            counts={tier: 1},
        )
