"""What a domain is: a frozen value that grades an answer by its task. A whole domain of your own, in `bolts.py`:

    class Bolts(Domain, frozen=True):
        name: ClassVar = "bolts"

        def grade(self, answer: str, task: Task) -> Grade:
            return right(answer) if answer == task.reference else wrong(answer)

Its pack is `packs/bolts.jsonl` beside the file; `ostraka verifiers check --domain bolts:Bolts` runs it.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from schemas.errors import BadInput
from schemas.grade import PARTLY, RIGHT, UNKNOWN, WRONG, Grade
from schemas.task import Task


class Domain(Struct, frozen=True):
    """Write `name` and `grade`.

    `reads`: the parameters of a task that it reads; `judged`: whether a judge may be asked where it says unknown;
    `boxed`: whether the answer stands in a box, and is all of the answer segment where not.
    """

    name: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ()
    judged: ClassVar[bool] = False
    boxed: ClassVar[bool] = True

    def grade(self, answer: str, task: Task) -> Grade:
        """Grade what stands in the box; raises BadInput where the task cannot be graded, whatever the answer."""
        raise NotImplementedError(f"{type(self).__name__} has no grade()")


def right(answer: str) -> Grade:
    """Return the grade of a right answer."""
    return Grade(1.0, RIGHT, answer)


def wrong(answer: str, reason: str = WRONG) -> Grade:
    """Return the grade of a wrong answer."""
    return Grade(0.0, reason, answer)


def unknown(answer: str) -> Grade:
    """Return the grade of an answer that the rules cannot tell."""
    return Grade(0.0, UNKNOWN, answer)


def graded(answer: str, reward: float) -> Grade:
    """Return the grade of an answer that is right in part."""
    return right(answer) if reward >= 1 else Grade(reward, PARTLY, answer) if reward > 0 else wrong(answer)


def decided(answer: str, holds: bool) -> Grade:
    """Return right or wrong."""
    return right(answer) if holds else wrong(answer)


def bad_reference(task: Task, what: str) -> BadInput:
    """Return the error of a task whose reference is not what its domain takes."""
    return BadInput(
        f"the reference {task.reference[:80]!r} is not {what}",
        where=f"a task of {task.domain}: {task.question[:80]!r}",
        remedy="mend the task",
    )
