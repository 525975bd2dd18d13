"""Dealing a step's rows to ranks: those of like cost at the same time.

Ranks wait for one another at every micro-step, so what counts is the most costly row of each against the others of the
same micro-step, not the sum of a rank's rows: balancing sums looks perfect and waits as before. The order in which the
rows are dealt, dearest first, is the same for every number of ranks; where rows do not divide, the last micro-step is
filled up with empty ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EMPTY = -1


def dealt(costs_S: NDArray[np.float64], ranks: int) -> NDArray[np.int64]:
    """Return the row of each micro-step and rank, [micro-steps, ranks], EMPTY where there is none left."""
    micro_steps = -(-len(costs_S) // ranks)
    rows = np.full(micro_steps * ranks, EMPTY, np.int64)
    rows[: len(costs_S)] = np.argsort(-costs_S, kind="stable")
    return rows.reshape(micro_steps, ranks)


def wait(costs_S: NDArray[np.float64], rows_MR: NDArray[np.int64]) -> float:
    """Return the time that a step takes over the time it would take if no rank waited; 1 is the best."""
    costs_MR = np.where(rows_MR == EMPTY, 0.0, costs_S[rows_MR])
    return float(costs_MR.max(axis=1).sum() / costs_MR.mean(axis=1).sum())
