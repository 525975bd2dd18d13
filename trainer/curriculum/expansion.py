"""Expansion: how many more prompts than a step learns from are asked, so that enough of them teach.

    rate       the share of the last step's groups that were all right or all wrong
    ratio      1 / (1 - rate)
    average    an exponential moving average of the ratio
    asked      ceil(prompts * average), of which the most balanced `prompts` are kept (balanced.py)

That is the paper's, which names neither the average's decay nor a bound. A ratio is bounded here, since a rate of 1
asks for infinitely many; and the count is known before anything is generated, which is what this has over asking again
until enough groups teach.
"""

from __future__ import annotations

from math import ceil, inf

ROUNDING = 1e-9
"""Less than this above a whole number is that number: 48 * 1.25 asks for 60 whatever the last bit of a mean says."""


def expansion_ratio(invalid_rate: float) -> float:
    """Return how many prompts are asked for each that teaches, infinite where none did."""
    return inf if invalid_rate >= 1 else 1 / (1 - invalid_rate)


def next_average(average: float, invalid_rate: float, decay: float, most: float) -> float:
    """Return the moving average after a step; the ratio is held to `most` before it is averaged."""
    return decay * average + (1 - decay) * min(expansion_ratio(invalid_rate), most)


def asked(prompts: int, average: float) -> int:
    """Return how many prompts the next step asks."""
    return ceil(prompts * average - ROUNDING)
