"""How much a run paid to reach a target, and how arms compare: medians over seeds, and ratios seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from statistics import median

from bench.experiments.runs import Point, Ran


def tokens_to(points: Sequence[Point], target: float, of: Callable[[Point], float]) -> float:
    """Return the tokens drawn when a run came to a target, on the line between two looks; inf where it never did.

    A first look that is there already took nothing.
    """
    before: Point | None = None
    for point in points:
        if of(point) >= target:
            if before is None:
                return 0.0
            share = (target - of(before)) / (of(point) - of(before))
            return before.drawn_tokens + share * (point.drawn_tokens - before.drawn_tokens)
        before = point
    return inf


def by_arm(runs: Sequence[Ran], target: float, of: Callable[[Point], float]) -> dict[str, dict[int, float]]:
    """Return the tokens to a target, by arm and seed."""
    found: dict[str, dict[int, float]] = {}
    for run in runs:
        found.setdefault(run.arm, {})[run.seed] = tokens_to(run.points, target, of)
    return found


def ratios(found: dict[str, dict[int, float]], arm: str, against: str) -> list[float]:
    """Return an arm's tokens over another's, by seed; of a seed at which neither came to the target there is none."""
    both = [(found[arm][seed], found[against][seed]) for seed in sorted(found[arm].keys() & found[against].keys())]
    return [_over(mine, theirs) for mine, theirs in both if (mine, theirs) != (inf, inf)]


def middle(values: Sequence[float]) -> float:
    """Return the median, infinite where half of the values are."""
    return median(values) if values else inf


def _over(mine: float, theirs: float) -> float:
    if mine == inf:
        return inf
    return 0.0 if theirs == inf else mine / max(1.0, theirs)
