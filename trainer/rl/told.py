"""What a step of reinforcement learning tells of itself: what was paid, how answers are, what was learnt.

By domain, because a mean hides the one that falls. Entropy is the mean of minus the log-probability of what was drawn:
an estimate of the model's own, at no cost.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from schemas.grade import MALFORMED
from trainer.rl.learner import Learnt
from trainer.rl.rollout import Group, Rollout


class DomainTold(Struct, frozen=True):
    """The answers to a domain's tasks: how many, their mean reward, and the shares that are right or malformed."""

    answers: int
    reward: float
    right: float
    malformed: float
    tokens: float
    entropy: float


class RlTold(Struct, frozen=True):
    """One step. `teaching` is the share of groups whose rewards differ; `learnt_from` counts those that were selected;
    `cut_off` the share of answers whose tokens ran out; `parity` how far the engine was off the trainer."""

    step: int
    version: str
    reward: float
    right: float
    teaching: float
    groups: int
    learnt_from: int
    left_out: int
    malformed: float
    cut_off: float
    forced: float
    answer_tokens: float
    entropy: float
    by_domain: dict[str, DomainTold]
    loss: float
    gradient_norm: float
    clipped: float
    parity: float
    rate: float
    drawn: int
    """Tokens that were drawn in this step."""
    micro_steps: int
    rollout_s: float
    learn_s: float

    def scalars(self) -> dict[str, float]:
        """Return what is drawn as curves, by name."""
        names = ("reward", "right", "teaching", "malformed", "answer_tokens", "entropy", "loss", "gradient_norm")
        found = {name: float(getattr(self, name)) for name in (*names, "clipped", "parity", "rate")}
        return found | {f"right/{domain}": one.right for domain, one in self.by_domain.items()}


def told_of(
    step: int,
    version: str,
    groups: Sequence[Group],
    learnt_from: int,
    left_out: int,
    learnt: Learnt,
    rate: float,
    rollout_s: float,
    learn_s: float,
) -> RlTold:
    """Return what a step told, over the groups of all ranks."""
    answers = [one for group in groups for one in group.rollouts]
    domains = sorted({group.task.task.domain for group in groups})
    whole = _domain(answers)
    return RlTold(
        step=step,
        version=version,
        reward=whole.reward,
        right=whole.right,
        teaching=_mean([group.teaches for group in groups]),
        groups=len(groups),
        learnt_from=learnt_from,
        left_out=left_out,
        malformed=whole.malformed,
        cut_off=_mean([one.answer.finish == "length" for one in answers]),
        forced=_mean([bool(one.injected) for one in answers]),
        answer_tokens=whole.tokens,
        entropy=whole.entropy,
        by_domain={domain: _domain([one for one in answers if one.task.task.domain == domain]) for domain in domains},
        loss=learnt.loss,
        gradient_norm=learnt.gradient_norm,
        clipped=learnt.clipped,
        parity=learnt.parity,
        rate=rate,
        drawn=sum(one.drawn for one in answers),
        micro_steps=learnt.micro_steps,
        rollout_s=rollout_s,
        learn_s=learn_s,
    )


def _domain(answers: Sequence[Rollout]) -> DomainTold:
    drawn = sum(one.drawn for one in answers)
    return DomainTold(
        answers=len(answers),
        reward=_mean([one.reward for one in answers]),
        right=_mean([one.is_right for one in answers]),
        malformed=_mean([one.rewarded.grade.reason in MALFORMED for one in answers]),
        tokens=_mean([len(one.answer.tokens) for one in answers]),
        entropy=-sum(sum(_drawn_logprobs(one)) for one in answers) / max(1, drawn),
    )


def _drawn_logprobs(rollout: Rollout) -> list[float]:
    barred = frozenset(rollout.injected)
    return [one for place, one in enumerate(rollout.answer.logprobs) if place not in barred]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
