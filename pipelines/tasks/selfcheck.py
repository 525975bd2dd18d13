"""Self-check: a task's verifier pays its own reference, and none of the answers that are surely wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from filters.verifiers.number import read_number
from filters.verifiers.verify import domain_of, verify
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.response import ANSWER, ANSWER_END, BOX, BOX_END, THINK, THINK_END
from schemas.task import Task, posed_of
from schemas.vocabulary.answers import TASK_DOMAIN, TASK_SKILL
from schemas.vocabulary.soundness import REFERENCE_REWARD, WRONG_PAID


class SelfCheck(Annotator, frozen=True):
    """Writes what the reference earns, and how many answers are called right that are surely wrong.

    A task whose reference its verifier cannot read is a failed row.
    """

    writes: ClassVar = (TASK_DOMAIN, TASK_SKILL, REFERENCE_REWARD, WRONG_PAID)

    def look(self, subject: Subject) -> Noted:
        task = posed_of(subject.sample.source.meta).task
        try:
            paid = verify(response_with(task, task.reference), task).reward
            wrong = sum(verify(response_with(task, answer), task).reward == 1 for answer in surely_wrong(task))
        except BadInput as error:
            raise BadSample("bad_task", str(error)) from None
        return Noted(
            {
                "task_domain": task.domain,
                "task_skill": task.skill or task.domain,
                "reference_reward": paid,
                "wrong_paid": wrong,
            }
        )


def response_with(task: Task, answer: str) -> str:
    """Return a response in strict form that gives this answer."""
    said = f"{BOX}{answer}{BOX_END}" if domain_of(task).boxed else answer
    thinking = f"{THINK}I look at what is asked.{THINK_END}" if task.parameters.thinking else ""
    return f"{thinking}{ANSWER}{said}{ANSWER_END}"


def surely_wrong(task: Task) -> Iterator[str]:
    """Yield answers that are right under no reading: none at all, another number or option, the question, a hedge."""
    yield "cannot be determined"
    yield task.question[:200]
    yield f"not {task.reference}"
    number = read_number(task.reference)
    if number is not None:
        yield str(2 * float(number.value) + 7)
        yield f"{task.reference} or {2 * float(number.value) + 7}"
    for option in task.parameters.options:
        if option != task.reference and not task.parameters.multi:
            yield option
