"""Difficulty: a tier from the share of right answers and from what people say, and pass@k."""

from __future__ import annotations

from math import comb
from typing import Literal

from schemas.task import DIFFICULTIES, Difficulty

EASIER_FROM = (0.9, 0.6, 0.3, 0.05)
"""From which pass rate on a task is very easy, easy, medium, hard; below the last it is very hard."""

HUMAN_WEIGHT = 0.3
"""What people's word weighs beside the pass rate, whose tier weighs the rest."""


def difficulty(pass_rate: float, by_people: Difficulty | Literal[""] = "") -> Difficulty:
    """Return a task's tier: the pass rate's, moved towards what people said by their weight, the harder of two equal.

    The paper merges the two and does not say how (section 5.2.3, "offline difficulty").
    """
    place = float(sum(pass_rate < low for low in EASIER_FROM))
    if by_people:
        place += HUMAN_WEIGHT * (DIFFICULTIES.index(by_people) - place)
    return DIFFICULTIES[int(place + 0.5)]


def pass_at(k: int, answered: int, right: int) -> float:
    """Return the chance that one of `k` answers drawn without return is right: 1 - C(n-c, k) / C(n, k).

    NaN where fewer than `k` were given. The unbiased estimate of pass@k.
    """
    if not 1 <= k <= answered:
        return float("nan")
    return 1 - comb(answered - right, k) / comb(answered, k)
