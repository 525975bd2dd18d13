"""Told rollouts: what a run of reinforcement learning said to a task in one step and what it was paid, as notes."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.note import Noted
from schemas.rollout import rolled_out_of
from schemas.vocabulary import (
    ANSWERED,
    EXTRACTED,
    GRADES,
    PASS_RATE,
    RESPONSE_FINISH,
    RESPONSE_TOKENS,
    RESPONSES,
    REWARD_PARTS,
    RIGHT_ANSWERS,
    ROLLOUT_REWARD,
    ROLLOUT_REWARDS,
    ROLLOUT_STEP,
    ROLLOUT_WEIGHTS,
    TASK_DOMAIN,
    TASK_SKILL,
)


class ToldRollouts(Annotator, frozen=True):
    """Writes what the run told; a sample without rollouts is a failed row."""

    writes: ClassVar = (
        TASK_DOMAIN,
        TASK_SKILL,
        ROLLOUT_STEP,
        RESPONSES,
        RESPONSE_FINISH,
        RESPONSE_TOKENS,
        ROLLOUT_REWARD,
        ROLLOUT_REWARDS,
        REWARD_PARTS,
        GRADES,
        EXTRACTED,
        ROLLOUT_WEIGHTS,
        ANSWERED,
        RIGHT_ANSWERS,
        PASS_RATE,
    )
    cases: ClassVar = TASK_DOMAIN.name

    def look(self, subject: Subject) -> Noted:
        found = rolled_out_of(subject.sample.source.meta)
        rolled, count = found.rolled, len(found.rolled)
        right = sum(one.grade.reward == 1 for one in rolled)
        return Noted(
            {
                "task_domain": found.task.domain,
                "task_skill": found.task.skill or found.task.domain,
                "rollout_step": found.step,
                "responses": list(found.responses),
                "response_finish": [one.finish for one in rolled],
                "response_tokens": sum(one.tokens for one in rolled),
                "rollout_reward": sum(one.reward for one in rolled) / count,
                "rollout_rewards": [one.reward for one in rolled],
                "reward_parts": [_parts(one.by_function) for one in rolled],
                "grades": [one.grade.reason for one in rolled],
                "extracted": [one.grade.extracted for one in rolled],
                "rollout_weights": [one.version for one in rolled],
                "answered": count,
                "right_answers": right,
                "pass_rate": right / count,
            },
            counts={found.task.domain: 1},
        )


def _parts(by_function: dict[str, float]) -> str:
    return " ".join(f"{name} {value:g}" for name, value in by_function.items())
