"""The audit: how often what was accepted by itself is right, and the threshold that this allows.

The interval is Clopper and Pearson's: it covers what it says for every precision and every count, where Wilson's covers
less near 1, which is where precision lies. Items are drawn without putting back, which makes it wider than need be.

A threshold is chosen among steps from the surest up: at each the precision of all below is bounded from below, and the
first step whose bound misses the target ends the search. So the promise holds for the one that is chosen, though many
were looked at on the same audit. Between the threshold in force and a higher one people saw every item; there it is
counted, not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from msgspec import Struct

from schemas.errors import BadInput


class Precision(Struct, frozen=True):
    """How often audited items were right: `low` and `high` enclose what is true of all with `confidence`."""

    right: int
    audited: int
    share: float
    low: float
    high: float
    confidence: float


class Seen(Struct, frozen=True):
    """An item that the models had noted and people looked at: how unsure it was, and whether the models were right."""

    unsure: float
    right: bool
    audit: bool


def precision(right: int, audited: int, confidence: float = 0.95) -> Precision:
    """Return the share that was right with its interval, both ends together; [0, 1] where nothing was audited."""
    if not 0 <= right <= audited:
        raise BadInput(f"{right} of {audited} are right", where="audit", remedy="count again")
    if not audited:
        return Precision(0, 0, nan, 0.0, 1.0, confidence)
    found = _binomtest()(right, audited).proportion_ci(confidence, method="exact")
    return Precision(right, audited, right / audited, float(found.low), float(found.high), confidence)


def lower_bound(right: int, audited: int, confidence: float = 0.95) -> float:
    """Return what the share is at least, with this confidence, one end alone."""
    if not audited:
        return 0.0
    test = _binomtest()(right, audited, alternative="greater")
    return float(test.proportion_ci(confidence, method="exact").low)


def threshold(
    seen: Sequence[Seen],
    unseen: Sequence[float],
    in_force: float,
    target: float,
    steps: Sequence[float],
    confidence: float = 0.95,
) -> float:
    """Return the highest step at which precision is `target` or more, -1 where there is none: then people see all.

    `seen` is what people looked at, `unseen` how unsure each item was that nobody looked at.
    """
    best = -1.0
    for step in sorted(set(steps)):
        if bound(seen, unseen, in_force, step, confidence) < target:
            break
        best = step
    return best


def bound(
    seen: Sequence[Seen], unseen: Sequence[float], in_force: float, step: float, confidence: float = 0.95
) -> float:
    """Return what precision is at least, were everything up to a step accepted by itself."""
    below = [one for one in seen if one.unsure <= min(step, in_force)]
    audited = [one for one in below if one.audit]
    between = [one for one in seen if in_force < one.unsure <= step]
    estimated = len(below) + sum(one <= min(step, in_force) for one in unseen)
    low = lower_bound(sum(one.right for one in audited), len(audited), confidence) if estimated else 0.0
    every = estimated + len(between)
    return (low * estimated + sum(one.right for one in between)) / every if every else 0.0


def _binomtest() -> Any:
    try:
        from scipy.stats import binomtest
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("the interval needs scipy", where="desk", remedy=remedy) from None
    return binomtest
