"""Advantages of a group: how much better an answer was paid than the others to the same task.

(reward - mean) / (deviation + 1e-6), over the group itself. Equal rewards are told by comparing them: their deviation
in floating point need not be 0, and what is left of it would be blown up to advantages of full size.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

EPSILON = 1e-6


def advantages(rewards: Sequence[float]) -> tuple[float, ...]:
    """Return an advantage for each reward, exactly 0 where all are equal; equal rewards have equal ones."""
    if not rewards or min(rewards) == max(rewards):
        return (0.0,) * len(rewards)
    mean = fsum(rewards) / len(rewards)
    deviation = sqrt(fsum((one - mean) ** 2 for one in rewards) / len(rewards))
    return tuple((one - mean) / (deviation + EPSILON) for one in rewards)
