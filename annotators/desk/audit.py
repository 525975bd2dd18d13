"""The audit: how often what was accepted by itself is right, and the threshold that this allows.

The interval is Clopper and Pearson's: it covers what it says for every precision and every count, where Wilson's covers
less near 1, which is where precision lies. Items are drawn without putting back, which makes it wider than need be.

Who audits errs too, and an auditor who repeats a model's mistake takes it for right. Where gold items tell how often
that happens (`Looks`), the interval is of what is true, not of what people said: the counts of the audit and of the
gold items are melded (Fay, Proschan and Brittain's intervals), each as unsure as its own count leaves it. An audit that
was begun and has not ended counts as wrong below and as right above: those that speak against a model take longer.

A threshold is chosen among steps from the surest up: at each the precision of all below is bounded from below, and the
first step whose bound misses the target ends the search. So the promise holds for the one that is chosen, though many
were looked at on the same audit; who sets it again on a grown audit says which time this is, and each time spends a
part of what may go wrong (`spent`). Between the threshold in force and a higher one people saw every item; there it is
counted, not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, pi
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.errors import BadInput

POINTS = 1 << 10
"""How many points of a Sobol sequence an interval is read off: the same ones each time."""


class Precision(Struct, frozen=True):
    """How often audited items were right: `low` and `high` enclose what is true of all with `confidence`.

    `share` is the best guess; it is of the audits that have ended, `pending` have begun only.
    """

    right: int
    audited: int
    share: float
    low: float
    high: float
    confidence: float
    pending: int = 0


class Looks(Struct, frozen=True):
    """How a look does where the truth is known.

    Of a model's `wrong` notes it repeated so many, of its `right` ones it confirmed so many.
    """

    repeated: int
    wrong: int
    confirmed: int
    right: int


class Seen(Struct, frozen=True):
    """An item that the models had noted and people looked at: how unsure it was, and whether the models were right."""

    unsure: float
    right: bool
    audit: bool


def precision(
    right: int, audited: int, confidence: float = 0.95, looks: Sequence[Looks] = (), pending: int = 0
) -> Precision:
    """Return the share that was right with its interval, both ends together; [0, 1] where nothing was audited.

    An item counts as right where the first of `looks` says what the model said, or the next does, and so on.
    """
    if not 0 <= right <= audited or pending < 0:
        raise BadInput(f"{right} of {audited} are right", where="audit", remedy="count again")
    every, tail = audited + pending, (1 - confidence) / 2
    if not every:
        return Precision(0, 0, nan, 0.0, 1.0, confidence)
    low, high = _low(right, every, tail, looks), _high(right + pending, every, tail, looks)
    share = min(max(_guess(right, audited, looks), low), high) if audited else nan
    return Precision(right, audited, share, low, high, confidence, pending)


def lower_bound(right: int, audited: int, confidence: float = 0.95, looks: Sequence[Looks] = ()) -> float:
    """Return what the share is at least, with this confidence, one end alone."""
    return _low(right, audited, 1 - confidence, looks) if audited else 0.0


def spent(confidence: float, time: int) -> float:
    """Return the confidence to ask for the nth time on a growing audit, so that all times together have `confidence`.

    The nth time spends 6 / (pi n)^2 of what may go wrong, which adds up to all of it however often it is done.
    """
    if time < 1:
        raise BadInput(f"time {time}", where="audit", remedy="count from 1")
    return 1 - (1 - confidence) * 6 / (pi * time) ** 2


def threshold(
    seen: Sequence[Seen],
    unseen: Sequence[float],
    in_force: float,
    target: float,
    steps: Sequence[float],
    confidence: float = 0.95,
    looks: Sequence[Looks] = (),
    time: int = 1,
) -> float:
    """Return the highest step at which precision is `target` or more, -1 where there is none: then people see all.

    `seen` is what people looked at, `unseen` how unsure each item was that nobody looked at; `time` is how often the
    threshold was set on this audit, with this time. All times together keep the promise with `confidence`.
    """
    best = -1.0
    for step in sorted(set(steps)):
        if bound(seen, unseen, in_force, step, spent(confidence, time), looks) < target:
            break
        best = step
    return best


def bound(
    seen: Sequence[Seen],
    unseen: Sequence[float],
    in_force: float,
    step: float,
    confidence: float = 0.95,
    looks: Sequence[Looks] = (),
) -> float:
    """Return what precision is at least, were everything up to a step accepted by itself."""
    below = [one for one in seen if one.unsure <= min(step, in_force)]
    audited = [one for one in below if one.audit]
    between = [one for one in seen if in_force < one.unsure <= step]
    estimated = len(below) + sum(one <= min(step, in_force) for one in unseen)
    low = lower_bound(sum(one.right for one in audited), len(audited), confidence, looks) if estimated else 0.0
    counted = float(sum(one.right for one in between))
    if looks and between:
        repeats = float(np.quantile(_repeats(looks, _sobol(len(looks))), confidence, method="higher"))
        counted = max(0.0, (counted - repeats * len(between)) / (1 - repeats)) if repeats < 1 else 0.0
    every = estimated + len(between)
    return (low * estimated + counted) / every if every else 0.0


def _low(right: int, count: int, tail: float, looks: Sequence[Looks]) -> float:
    """Return the lower end: as many repeat a mistake, and as few were right, as counts allow."""
    if not looks:
        return float(_beta(tail, right, count - right + 1))
    points = _sobol(len(looks) + 1)
    said, repeats = _beta(points[0], right, count - right + 1), _repeats(looks, points[1:])
    with np.errstate(divide="ignore", invalid="ignore"):
        true = np.where(repeats < 1, (said - repeats) / (1 - repeats), 0.0)
    return float(np.quantile(np.clip(true, 0, 1), tail, method="lower"))


def _high(right: int, count: int, tail: float, looks: Sequence[Looks]) -> float:
    """Return the upper end: nobody repeats a mistake, and as many miss what is right as counts allow."""
    if not looks:
        return float(_beta(1 - tail, right + 1, count - right))
    points = _sobol(len(looks) + 1)
    missed = [
        1 - _beta(u, one.confirmed, one.right - one.confirmed + 1) for u, one in zip(points[1:], looks, strict=True)
    ]
    said, confirms = _beta(points[0], right + 1, count - right), 1 - np.prod(missed, axis=0)
    true = np.where(confirms > said, said / np.maximum(confirms, 1e-12), 1.0)
    return float(np.quantile(true, 1 - tail, method="higher"))


def _guess(right: int, audited: int, looks: Sequence[Looks]) -> float:
    repeats = 1 - float(np.prod([1 - (one.repeated / one.wrong if one.wrong else 0.0) for one in looks]))
    missed = float(np.prod([1 - (one.confirmed / one.right if one.right else 0.0) for one in looks])) if looks else 0.0
    return (right / audited - repeats) / (1 - missed - repeats) if 1 - missed > repeats else nan


def _repeats(looks: Sequence[Looks], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how often one of the looks repeats a mistake at the most, at each point."""
    shares = [_beta(u, one.repeated + 1, one.wrong - one.repeated) for u, one in zip(points, looks, strict=True)]
    return np.asarray(1 - np.prod([1 - share for share in shares], axis=0))


def _beta(at: float | NDArray[np.float64], one: int, other: int) -> NDArray[np.float64]:
    """Return the quantile of a beta distribution; one that has a count of 0 lies on that side's end."""
    if one <= 0 or other <= 0:
        return np.full(np.shape(at), 0.0 if one <= 0 else 1.0)
    return np.asarray(_scipy().special.betaincinv(one, other, at))


def _sobol(dimensions: int) -> NDArray[np.float64]:
    """Return evenly spread points inside the unit cube, a row a dimension."""
    found = _scipy().stats.qmc.Sobol(dimensions, scramble=False).random(POINTS)
    return np.asarray(found.T + 0.5 / POINTS)


def _scipy() -> Any:
    try:
        import scipy.special
        import scipy.stats
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("the interval needs scipy", where="desk", remedy=remedy) from None
    return scipy
