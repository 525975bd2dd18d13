"""Rewards in exact steps of 1/1024, so that answers that are worth the same are paid the same.

A reward that a model or a mean came to differs in its last bits from run to run of the same answer; divided by their
own spread such bits would become advantages. Multiples of 1/1024 are exact in every float that is trained with, and
their sums and means of a group are exact in double precision.
"""

from __future__ import annotations

from math import isfinite

STEPS = 1024


def exact(reward: float) -> float:
    """Return the nearest step; raises ValueError for what is no number."""
    if not isfinite(reward):
        raise ValueError(f"a reward of {reward}")
    return round(reward * STEPS) / STEPS
