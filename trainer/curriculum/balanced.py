"""Balance: which groups of answers teach most, those with as many right answers as wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Task(Protocol):
    """A task's key."""

    @property
    def key(self) -> str: ...


class Scored(Protocol):
    """A group of answers to one task, and what each of them earned."""

    @property
    def task(self) -> Task: ...

    @property
    def rewards(self) -> tuple[float, ...]: ...


S = TypeVar("S", bound=Scored)


def pass_rate(rewards: Sequence[float]) -> float:
    """Return the share of right answers; a reward between 0 and 1 is right in part, one below 0 is wrong."""
    return sum(min(1.0, max(0.0, reward)) for reward in rewards) / len(rewards)


def teaches(rewards: Sequence[float]) -> bool:
    """Return whether rewards differ: a group of equal ones moves nothing."""
    return min(rewards) != max(rewards)


def imbalance(rewards: Sequence[float]) -> float:
    """Return |right - wrong|, in answers: |2 * the sum of rewards - their count|, the same for rewards of 0 and 1."""
    return abs(2 * pass_rate(rewards) - 1) * len(rewards)


def most_balanced(groups: Sequence[S], count: int) -> list[S]:
    """Return the `count` groups of least |right - wrong|, those that teach before all others, in the order given.

    Of two that are equal the first is kept. Groups may differ in size: what counts is their share of right answers.
    """
    by_worth = sorted(range(len(groups)), key=lambda at: (not teaches(groups[at].rewards), _unevenness(groups[at])))
    return [groups[at] for at in sorted(by_worth[:count])]


def _unevenness(group: Scored) -> float:
    return imbalance(group.rewards) / len(group.rewards)
