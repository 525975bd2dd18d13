"""Micro-steps: rollouts packed into the fewest rows, and rows dealt to ranks so that none waits.

A row is forward and backward once, so what counts is how many of them the busiest rank has. Best-fit decreasing finds
the fewest; where their number does not divide by the ranks, the dearest rows are halved until it does, which costs no
micro-step. Rows go to ranks by what they cost, the dearest first and each to the rank that is the least busy. A row is
as long as what lies in it: nothing is padded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.plan.best_fit import best_fit
from trainer.plan.cost import Cost

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
    row_N = best_fit(sizes.tokens_N, row_tokens)
    packed = [tuple(np.flatnonzero(row_N == row).tolist()) for row in range(int(row_N.max()) + 1)]
    most = -(-len(packed) // ranks)
    return _dealt(_split(packed, costs_N, most * ranks), costs_N, ranks, most)


def _split(rows: Rows, costs_N: NDArray[np.float64], count: int) -> Rows:
    """Return so many rows, or as many as there are documents: the dearest is halved until there are."""
    found = list(rows)
    while len(found) < count and any(len(row) > 1 for row in found):
        dearest = max((row for row in found if len(row) > 1), key=lambda row: costs_N[list(row)].sum())
        found.remove(dearest)
        found += [dearest[::2], dearest[1::2]]
    return found


def _dealt(rows: Rows, costs_N: NDArray[np.float64], ranks: int, most: int) -> list[Rows]:
    """Give each row, the dearest first, to the rank that is the least busy of those that have fewer than `most`."""
    found: list[Rows] = [[] for _ in range(ranks)]
    busy = [0.0] * ranks
    cost_S = [float(costs_N[list(row)].sum()) for row in rows]
    for place in sorted(range(len(rows)), key=lambda place: -cost_S[place]):
        rank = min((rank for rank in range(ranks) if len(found[rank]) < most), key=busy.__getitem__)
        found[rank].append(rows[place])
        busy[rank] += cost_S[place]
    return found
