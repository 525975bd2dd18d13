"""How much a run paid to reach a target, and how arms compare: medians over seeds, and ratios seed by seed.

What is paid are tokens, or steps. A run that ended before its target paid more than all that it did: what is known of a
ratio then is a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from statistics import median
from typing import NamedTuple

from bench.experiments.runs import Point, Ran


class Between(NamedTuple):
    """A number of which bounds are known; one that is known has the same for both."""

    low: float
    high: float


Of = Callable[[Point], float]


def tokens(point: Point) -> float:
    """Return the tokens that a run had drawn."""
    return point.drawn_tokens


def steps(point: Point) -> float:
    """Return the steps that a run had taken."""
    return point.step


def paid_to(points: Sequence[Point], target: float, of: Of, paid: Of = tokens) -> Between:
    """Return what a run had paid when it came to a target, on the line between two looks.

    A first look that is there already took nothing; of a run that never came there, all that it paid is the least.
    """
    before: Point | None = None
    for point in points:
        if of(point) >= target:
            if before is None:
                return Between(0.0, 0.0)
            share = (target - of(before)) / (of(point) - of(before))
            found = paid(before) + share * (paid(point) - paid(before))
            return Between(found, found)
        before = point
    return Between(paid(before) if before else 0.0, inf)


def by_arm(runs: Sequence[Ran], target: float, of: Of, paid: Of = tokens) -> dict[str, dict[int, Between]]:
    """Return what was paid to a target, by arm and seed."""
    found: dict[str, dict[int, Between]] = {}
    for run in runs:
        found.setdefault(run.arm, {})[run.seed] = paid_to(run.points, target, of, paid)
    return found


def ratios(found: dict[str, dict[int, Between]], arm: str, against: str) -> list[Between]:
    """Return an arm's tokens over another's, of each seed that both have."""
    return [_over(found[arm][seed], found[against][seed]) for seed in sorted(found[arm].keys() & found[against].keys())]


def middle(values: Sequence[Between]) -> Between:
    """Return what is known of the median: it lies between the median of all lower bounds and that of all upper ones."""
    return Between(median(one.low for one in values), median(one.high for one in values))


def _over(mine: Between, theirs: Between) -> Between:
    low = 0.0 if theirs.high == inf else mine.low / max(1.0, theirs.high)
    return Between(low, mine.high / max(1.0, theirs.low))
