"""A window: which samples stand in it, and the sequences that they are packed into, on their own.

Window w takes of each pool its next ordinals, floor(w W a / A) up to floor((w + 1) W a / A) for a window of W samples
and a weight of a in a sum of A: the mix is exact in every window and never drifts. An ordinal is an epoch and a place
in that epoch's permutation, so no window asks what an earlier one took. A sample waits one window at the most for
others that fill its sequence; what that costs in fill is half a sequence a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainer.plan.best_fit import best_fit
from trainer.plan.permutation import permuted
from trainer.plan.pool import Pool

WINDOW_SAMPLES = 8192


def samples_of_window(pools: Sequence[Pool]) -> int:
    """Return how many samples a window should draw: WINDOW_SAMPLES, in a small corpus a single pass over it.

    Several passes would fill sequences better, but with copies: equal lengths lie side by side when they are packed.
    """
    return max(1, min(WINDOW_SAMPLES, sum(map(len, pools))))


class Drawn(NamedTuple):
    """The samples of a window: the pool of each, and its place there; an epoch takes every place of a pool once."""

    pool_N: NDArray[np.int64]
    place_N: NDArray[np.int64]


class Window(Struct, frozen=True, eq=False):
    """The sequences of a window, in the order in which they are trained: one is `first_S1[s]` up to `first_S1[s + 1]`.

    N samples, S sequences; in a sequence the longest document comes first.
    """

    pool_N: NDArray[np.int64]
    place_N: NDArray[np.int64]
    first_S1: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first_S1) - 1


def drawn(pools: Sequence[Pool], seed: int, window: int, samples: int = WINDOW_SAMPLES) -> Drawn:
    """Return the samples of a window."""
    weights = sum(pool.weight for pool in pools)
    of_pools, places = [], []
    for number, pool in enumerate(pools):
        first, end = (at * samples * pool.weight // weights for at in (window, window + 1))
        places.append(_places(pool, seed, number, first, end))
        of_pools.append(np.full(end - first, number, np.int64))
    return Drawn(np.concatenate(of_pools), np.concatenate(places))


def _places(pool: Pool, seed: int, number: int, first: int, end: int) -> NDArray[np.int64]:
    """Return where ordinals `first` up to `end` of a pool lie in it."""
    found = [np.empty(0, np.int64)]
    while first < end:
        epoch, begin = divmod(first, len(pool))
        stop = min(len(pool), begin + end - first)
        found.append(permuted(np.arange(begin, stop), len(pool), seed, "pool", number, epoch))
        first += stop - begin
    return np.concatenate(found)


def tokens_of(pools: Sequence[Pool], window: Drawn | Window) -> NDArray[np.int64]:
    """Return the length of each sample of a window."""
    return column_of(pools, window, "tokens_N").astype(np.int64)


def column_of(pools: Sequence[Pool], window: Drawn | Window, name: str) -> NDArray[np.uint64]:
    """Return a column of the pools for each sample of a window."""
    found = np.empty(len(window.place_N), np.uint64)
    for number, pool in enumerate(pools):
        mine = window.pool_N == number
        found[mine] = getattr(pool, name)[window.place_N[mine]]
    return found


def packed(pools: Sequence[Pool], seed: int, window: int, sequence_tokens: int, samples: int) -> Window:
    """Return a window, packed; its sequences lie in an order that is drawn, as the packing opens long ones first."""
    taken = drawn(pools, seed, window, samples)
    tokens_N = tokens_of(pools, taken)
    sequence_N = best_fit(tokens_N, sequence_tokens)
    count = int(sequence_N.max()) + 1 if len(sequence_N) else 0
    place_S = permuted(np.arange(count), count, seed, "sequences", window)
    order_N = np.lexsort((-tokens_N, place_S[sequence_N]))
    first_S1 = np.concatenate(([0], np.cumsum(np.bincount(place_S[sequence_N], minlength=count))))
    return Window(taken.pool_N[order_N], taken.place_N[order_N], first_S1.astype(np.int64))


def sequences_in(pools: Sequence[Pool], seed: int, window: int, sequence_tokens: int, samples: int) -> int:
    """Return how many sequences a window holds: what `packed` counts, without their order."""
    sequence_N = best_fit(tokens_of(pools, drawn(pools, seed, window, samples)), sequence_tokens)
    return int(sequence_N.max()) + 1 if len(sequence_N) else 0
