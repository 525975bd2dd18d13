"""What a curriculum tells of a step, for the log: how much it asked, and histograms by domain and tier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainer.curriculum.draw import Weights
from trainer.curriculum.pool import TIERS, Pool, tiers_of

Histogram = dict[str, list[int]]
"""By domain, how many of each tier, very easy first."""


class ToldChoice(Struct, frozen=True):
    """What was chosen at a step. Tiers are those that tasks had when they were asked."""

    step: int
    asked: int
    kept: int
    canaries: int
    invalid_rate: float
    ratio: float
    """The expansion ratio as it was averaged."""
    capped: bool
    """Whether the bound was reached: `most_expansion` stood for the ratio."""
    average: float
    short: int
    """So many prompts fewer were asked than were wanted: the pool holds no more."""
    pool: Histogram
    weight: dict[str, list[float]]
    """The share of the draw that each tier of a domain had."""
    drawn: Histogram
    learnt: Histogram
    note: str = ""


def counted(pool: Pool, rate_N: NDArray[np.float64], places: Sequence[int] | NDArray[np.int64]) -> Histogram:
    """Return how many of these tasks are of each domain and tier."""
    at_K = np.asarray(places, np.int64)
    table = np.zeros((len(pool.domains), TIERS), np.int64)
    np.add.at(table, (pool.domain_N[at_K], tiers_of(rate_N)[at_K]), 1)
    return dict(zip(pool.domains, table.tolist(), strict=True))


def shared(pool: Pool, rate_N: NDArray[np.float64], weight_N: Weights) -> dict[str, list[float]]:
    """Return the share of all weight that each domain and tier has."""
    table = np.zeros((len(pool.domains), TIERS))
    np.add.at(table, (pool.domain_N, tiers_of(rate_N)), weight_N / (weight_N.sum() or 1.0))
    return dict(zip(pool.domains, table.round(6).tolist(), strict=True))
