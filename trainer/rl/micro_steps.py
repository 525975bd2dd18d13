"""Micro-steps: rollouts packed into the fewest rows, and rows dealt to ranks so that none waits.

A row is forward and backward once, so what counts is how many of them the busiest rank has. Best-fit decreasing finds
the fewest. Where ranks then have rows to spare, documents are spread again over as many rows as cost no further
micro-step, the dearest first and each to the row that costs the least so far. A row is as long as what lies in it:
nothing is padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.plan.best_fit import best_fit
from trainer.plan.cost import Cost
from trainer.plan.deal import EMPTY, dealt

Rows = list[tuple[int, ...]]


class Sizes(NamedTuple):
    """What documents take, an entry each; `patches_squared` sums the squares of a document's pictures."""

    tokens_N: NDArray[np.int64]
    patches_N: NDArray[np.int64]
    patches_squared_N: NDArray[np.int64]

    def costs(self, cost: Cost) -> NDArray[np.float64]:
        """Return what each document costs to train."""
        tokens_N = self.tokens_N.astype(np.float64)
        of_tokens_N: NDArray[np.float64] = cost.token * tokens_N + cost.token_squared * tokens_N**2
        found_N: NDArray[np.float64] = of_tokens_N + cost.patch * self.patches_N
        found_N += cost.patch_squared * self.patches_squared_N
        return found_N


def micro_steps(sizes: Sizes, row_tokens: int, ranks: int = 1, cost: Cost = Cost()) -> list[Rows]:
    """Return, for each rank, its rows in their order, each with the documents that lie in it.

    Raises BadInput where a document is longer than a row.
    """
    if not len(sizes.tokens_N):
        return [[] for _ in range(ranks)]
    costs_N = sizes.costs(cost)
    row_N = best_fit(sizes.tokens_N, row_tokens).astype(np.int64)
    rows = -(-(int(row_N.max()) + 1) // ranks) * ranks
    spread_N = _spread(sizes.tokens_N, costs_N, row_tokens, min(rows, len(row_N)))
    found = _rows(row_N if spread_N is None else spread_N)
    costs_S = np.array([costs_N[list(row)].sum() for row in found])
    return [[found[row] for row in mine if row != EMPTY] for mine in dealt(costs_S, ranks).T.tolist()]


def _spread(
    tokens_N: NDArray[np.int64], costs_N: NDArray[np.float64], row_tokens: int, rows: int
) -> NDArray[np.int64] | None:
    """Return the row of each document, rows costing alike; None where they do not all fit that way."""
    room_S, cost_S = np.full(rows, row_tokens), np.zeros(rows)
    row_N = np.empty(len(tokens_N), np.int64)
    for document in np.argsort(-costs_N, kind="stable").tolist():
        fits_S = room_S >= tokens_N[document]
        if not fits_S.any():
            return None
        row = int(np.where(fits_S, cost_S, np.inf).argmin())
        row_N[document] = row
        room_S[row] -= tokens_N[document]
        cost_S[row] += costs_N[document]
    return row_N


def _rows(row_N: NDArray[np.int64]) -> Rows:
    return [tuple(np.flatnonzero(row_N == row).tolist()) for row in np.unique(row_N).tolist()]


def in_arrival_order(tokens_N: Sequence[int], row_tokens: int) -> Rows:
    """Return the rows that documents fill as they come: one that does not fit begins the next."""
    rows: Rows = []
    room = -1
    for document, tokens in enumerate(tokens_N):
        if tokens > room:
            rows.append(())
            room = row_tokens
        rows[-1] = (*rows[-1], document)
        room -= tokens
    return rows
