"""A reward: what an answer to a task is paid, with a breakdown by what had a word in it.

The plainest one is the verifier of the task's domain, and nothing else; what its rules cannot tell is not paid.
"""

from __future__ import annotations

from typing import Protocol

from filters.verifiers.verify import verify
from schemas.task import Task
from trainer.rl.rollout import Rewarded, Rollout


class Rewarder(Protocol):
    """What pays answers; whatever an answer holds, it returns."""

    def reward(self, task: Task, response: str, rollout: Rollout) -> Rewarded:
        """Return what a response earns."""
        ...


class VerifierReward:
    """Pays what the verifier of a task's domain grades."""

    def reward(self, task: Task, response: str, rollout: Rollout) -> Rewarded:
        """Return the grade as the reward."""
        grade = verify(response, task)
        return Rewarded(grade.reward, {"verifier": grade.reward}, grade)
