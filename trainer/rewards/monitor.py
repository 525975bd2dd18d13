"""Monitors: what a domain's numbers were at the start, where their averages are now, and which limits that breaks.

A pure function over numbers that are in the log: the same steps give the same alarms, in training and afterwards. It
warns when a limit is first passed; it freezes where the further limit is passed for `patience` steps in a row, so that
one weak verifier does not bring the others down with it. One paid canary is enough, and needs no patience.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, structs

from trainer.rewards.limits import MEASURES, Limits
from trainer.rewards.numbers import Numbers

RISEN = 0.1
"""So far malformed answers have to have risen over the start: a model may begin with many."""

_LEAST = 1e-6
_DONE = {"warn": "a warning", "freeze": "frozen", "stop": "the run stops"}


class Watched(Struct, frozen=True):
    """What a monitor knows of a domain: means of the start, moving averages, and for how long a limit is passed."""

    steps: int = 0
    start: dict[str, float] = {}
    average: dict[str, float] = {}
    best_reward: float = 0.0
    warned: dict[str, int] = {}
    """Steps in a row beyond the limit of a warning, by measure."""
    beyond: dict[str, int] = {}
    """Steps in a row beyond the limit of freezing."""


class Alarm(Struct, frozen=True):
    """A limit that was passed: `freeze` asks for an end of this domain, `stop` of the run."""

    step: int
    domain: str
    measure: str
    value: float
    limit: float
    action: Literal["warn", "freeze", "stop"]

    def __str__(self) -> str:
        said = f"step {self.step}: {self.domain}: {self.measure} is {self.value:.3g}, the limit {self.limit:.3g}"
        return f"{said}: {_DONE[self.action]}"


def watch(
    known: Mapping[str, Watched], numbers: Mapping[str, Numbers], limits: Limits, step: int
) -> tuple[dict[str, Watched], list[Alarm]]:
    """Return what is known after a step, and the alarms that it gave."""
    after, alarms = dict(known), list[Alarm]()
    for domain, found in numbers.items():
        if not found.answers:
            continue
        after[domain], mine = _watch(known.get(domain, Watched()), found, limits, step, domain)
        alarms += mine
    return after, alarms


def _watch(before: Watched, found: Numbers, limits: Limits, step: int, domain: str) -> tuple[Watched, list[Alarm]]:
    alarms = list[Alarm]()
    if found.canaries_paid:
        value = float(found.canaries_paid)
        alarms.append(Alarm(step, domain, "paid_canaries", value, 0.0, limits.paid_canary))
    now = _averaged(before, found, limits)
    if before.steps < limits.start_steps:
        return now, alarms
    warned, beyond = dict[str, int](), dict[str, int]()
    for measure, value in measured(now).items():
        if getattr(found, measure, 0.0) is None:
            warned[measure], beyond[measure] = before.warned.get(measure, 0), before.beyond.get(measure, 0)
            continue
        warn, freeze = getattr(limits, measure)
        if value > warn:
            warned[measure] = before.warned.get(measure, 0) + 1
        if value > freeze:
            beyond[measure] = before.beyond.get(measure, 0) + 1
        if beyond.get(measure, 0) >= limits.patience:
            alarms.append(Alarm(step, domain, measure, value, freeze, "freeze"))
        elif warned.get(measure) == 1:
            alarms.append(Alarm(step, domain, measure, value, warn, "warn"))
    return structs.replace(now, warned=warned, beyond=beyond), alarms


def measured(now: Watched) -> dict[str, float]:
    """Return what the limits bound, by measure; what nothing tells is not there."""
    start, average = now.start, now.average
    tokens = average["tokens"] / max(_LEAST, start["tokens"])
    entropy = average["entropy"] / max(_LEAST, start["entropy"])
    risen = average["format_errors"] - start["format_errors"] >= RISEN
    found = {
        "reward_fall": now.best_reward - average["reward"],
        "length_times": max(tokens, 1 / max(_LEAST, tokens)),
        "entropy_times": entropy,
        "entropy_fall": 1 - entropy,
        "format_errors": average["format_errors"] if risen else 0.0,
        "failed": average["failed"],
    }
    if "kl" in average:
        found["kl"] = average["kl"]
    if "disagreement" in average:
        found["disagreement"] = average["disagreement"] - start.get("disagreement", 0.0)
    return {measure: found[measure] for measure in MEASURES if measure in found}


def _averaged(before: Watched, found: Numbers, limits: Limits) -> Watched:
    """Return the start's means while it lasts, which are the averages then, and moving averages after it."""
    names = ("reward", "tokens", "entropy", "format_errors", "failed", "kl", "disagreement")
    values = {name: float(value) for name in names if (value := getattr(found, name)) is not None}
    steps = before.steps + 1
    share = 1 / steps if steps <= limits.start_steps else limits.share
    average = before.average | {
        name: before.average.get(name, value) + share * (value - before.average.get(name, value))
        for name, value in values.items()
    }
    start = average if steps <= limits.start_steps else before.start
    return structs.replace(
        before, steps=steps, start=start, average=average, best_reward=max(before.best_reward, average["reward"])
    )
