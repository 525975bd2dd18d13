"""The numbers of a domain at a step, that monitors look at: all of them stand in the run's log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from schemas.grade import MALFORMED
from trainer.rewards.system import FAILED_CLOSED
from trainer.rl.rollout import Group, Rollout

DIFFERS_BY = 0.5
"""So far apart two verifiers' rewards differ: one pays what the other does not."""


class Numbers(Struct, frozen=True):
    """Means over a domain's answers of a step, shares from 0 to 1, tokens and nats; None where nothing tells it."""

    answers: int
    reward: float
    tokens: float
    entropy: float
    format_errors: float
    failed: float
    by_function: dict[str, float] = {}
    """What each function said on average, over the answers on which it had a word."""
    disagreement: float | None = None
    kl: float | None = None
    canaries: int = 0
    canaries_paid: int = 0


def numbers_of(groups: Sequence[Group], kl: Mapping[str, float] | None = None) -> dict[str, Numbers]:
    """Return the numbers of each domain's answers; `kl` is each domain's to the start, where somebody measured it."""
    by_domain: dict[str, list[Rollout]] = {}
    for group in groups:
        by_domain.setdefault(group.task.task.domain, []).extend(group.rollouts)
    return {domain: _numbers(answers, (kl or {}).get(domain)) for domain, answers in sorted(by_domain.items())}


def _numbers(answers: Sequence[Rollout], kl: float | None) -> Numbers:
    functions = [one.rewarded.by_function for one in answers]
    names = sorted({name for found in functions for name in found})
    both = [found for found in functions if "second" in found and "verifier" in found]
    baits = [found["canary"] for found in functions if "canary" in found]
    drawn = [one.answer.logprobs[at] for one in answers for at in _drawn(one)]
    return Numbers(
        answers=len(answers),
        reward=_mean([one.reward for one in answers]),
        tokens=_mean([len(one.answer.tokens) for one in answers]),
        entropy=-_mean(drawn),
        format_errors=_mean([one.rewarded.grade.reason in MALFORMED for one in answers]),
        failed=_mean([one.rewarded.grade.reason in FAILED_CLOSED for one in answers]),
        by_function={name: _mean([found[name] for found in functions if name in found]) for name in names},
        disagreement=_mean([abs(one["verifier"] - one["second"]) >= DIFFERS_BY for one in both]) if both else None,
        kl=kl,
        canaries=len(baits),
        canaries_paid=sum(paid > 0 for paid in baits),
    )


def _drawn(rollout: Rollout) -> list[int]:
    put_in = frozenset(rollout.injected)
    return [at for at in range(len(rollout.answer.logprobs)) if at not in put_in]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
