"""Rollouts: what a model said to a task, token by token, and what it was paid for it.

They are the nouns that curricula, rewards and the update share. Nothing here is text that would be cut anew: what is
trained on are the tokens that were drawn. A place that was put in (the end of a thinking that was forced) is no choice
of the model's, and carries no loss.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from schemas.grade import UNKNOWN, Grade
from schemas.task import Task
from trainer.engine.engine import Answer, Prompt


class RlTask(NamedTuple):
    """A task to train on: its sample's key, what is asked and how it is verified."""

    key: str
    task: Task


class Rewarded(Struct, frozen=True):
    """What an answer was paid: in all, by each function that had a word, and the verifier's grade."""

    total: float
    by_function: dict[str, float]
    grade: Grade


UNPAID = Rewarded(0.0, {}, Grade(0.0, UNKNOWN))
"""Of a rollout that has not been looked at yet."""


class Rollout(NamedTuple):
    """One answer to a task; `row` is its place in its group, `text` the answer in words, special names and all."""

    task: RlTask
    row: int
    prompt: Prompt
    answer: Answer
    text: str
    rewarded: Rewarded = UNPAID

    @property
    def reward(self) -> float:
        return self.rewarded.total

    @property
    def is_right(self) -> bool:
        """Whether the verifier paid it in full."""
        return self.rewarded.grade.reward >= 1

    @property
    def injected(self) -> tuple[int, ...]:
        """Places among the answer's tokens that were put in and not drawn."""
        return self.answer.injected

    @property
    def drawn(self) -> int:
        """How many of its tokens the model chose."""
        return len(self.answer.tokens) - len(self.injected)


class Group(NamedTuple):
    """The answers to one task of one step, in the order of their rows."""

    task: RlTask
    rollouts: tuple[Rollout, ...]

    @property
    def rewards(self) -> tuple[float, ...]:
        return tuple(one.reward for one in self.rollouts)

    @property
    def right(self) -> int:
        """How many of its answers the verifier paid in full."""
        return sum(one.is_right for one in self.rollouts)

    @property
    def teaches(self) -> bool:
        """Whether its rewards differ: equal ones say nothing of which answer is better."""
        return min(self.rewards) != max(self.rewards)
