"""Told rollouts: what a run of reinforcement learning said to a task in one step and what it was paid, as notes."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.grade import REASONS
from schemas.note import Noted
from schemas.rollout import Rolled, rolled_out_of
from schemas.vocabulary.answers import (
    ANSWERED,
    EXTRACTED,
    GRADES,
    PASS_RATE,
    RESPONSE_FINISH,
    RESPONSE_TOKENS,
    RESPONSES,
    RIGHT_ANSWERS,
    TASK_DOMAIN,
    TASK_REFERENCE,
    TASK_SKILL,
)
from schemas.vocabulary.rollouts import (
    REWARD_PARTS,
    ROLLOUT_ADVANTAGES,
    ROLLOUT_LEARNT,
    ROLLOUT_PAID,
    ROLLOUT_PUT_IN,
    ROLLOUT_REWARD,
    ROLLOUT_REWARDS,
    ROLLOUT_RUN,
    ROLLOUT_STEP,
    ROLLOUT_TOKENS,
    ROLLOUT_WEIGHTS,
)


class ToldRollouts(Annotator, frozen=True):
    """Writes what the run told; a sample without rollouts is a failed row."""

    version: ClassVar = 2
    writes: ClassVar = (
        ROLLOUT_RUN,
        ROLLOUT_STEP,
        TASK_DOMAIN,
        TASK_SKILL,
        TASK_REFERENCE,
        ANSWERED,
        RIGHT_ANSWERS,
        PASS_RATE,
        ROLLOUT_REWARD,
        ROLLOUT_LEARNT,
        RESPONSE_TOKENS,
        ROLLOUT_PAID,
        ROLLOUT_REWARDS,
        REWARD_PARTS,
        GRADES,
        EXTRACTED,
        ROLLOUT_ADVANTAGES,
        ROLLOUT_TOKENS,
        ROLLOUT_PUT_IN,
        RESPONSE_FINISH,
        ROLLOUT_WEIGHTS,
        RESPONSES,
    )
    cases: ClassVar = f"{TASK_DOMAIN.name} {ROLLOUT_PAID.name}"
    items: ClassVar = {
        "rollout_paid": "",
        "rollout_rewards": "reward",
        "reward_parts": "by",
        "grades": "grade",
        "extracted": "took",
        "rollout_advantages": "advantage",
        "rollout_tokens": "tokens",
        "rollout_put_in": "of them put in",
        "response_finish": "ended by",
        "rollout_weights": "weights",
        "responses": "",
    }

    def look(self, subject: Subject) -> Noted:
        found = rolled_out_of(subject.sample.source.meta)
        task, rolled, count = found.task, found.rolled, len(found.rolled)
        right = sum(one.grade.reward == 1 for one in rolled)
        return Noted(
            {
                "rollout_run": found.run,
                "rollout_step": found.step,
                "task_domain": task.domain,
                "task_skill": task.skill or task.domain,
                "task_reference": task.reference,
                "answered": count,
                "right_answers": right,
                "pass_rate": right / count,
                "rollout_reward": sum(one.reward for one in rolled) / count,
                "rollout_learnt": found.learnt,
                "response_tokens": sum(one.tokens for one in rolled),
                "rollout_paid": [paid(one) for one in rolled],
                "rollout_rewards": [one.reward for one in rolled],
                "reward_parts": [_parts(one.by_function) for one in rolled],
                "grades": [one.grade.reason for one in rolled],
                "extracted": [one.grade.extracted for one in rolled],
                "rollout_advantages": [one.advantage for one in rolled],
                "rollout_tokens": [one.tokens for one in rolled],
                "rollout_put_in": [one.injected for one in rolled],
                "response_finish": [one.finish for one in rolled],
                "rollout_weights": [one.version for one in rolled],
                "responses": list(found.responses),
            }
        )


def paid(one: Rolled) -> str:
    """Return how an answer was paid; what no verifier graded says nothing of the answer."""
    if one.grade.reason not in REASONS:
        return "not_graded"
    if one.reward <= 0:
        return "fined" if one.reward < 0 else "not_paid"
    return "paid" if one.reward >= 1 else "paid_in_part"


def _parts(by_function: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in by_function.items())
