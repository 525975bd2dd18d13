"""Drawn: which samples balance keeps, a draw for each of their entries, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.columns import Lists
from filters.compiled import compiled, on_threads
from filters.corpus import halves
from filters.draws import fraction, seed_of, step

NO_CONCEPT, COMMON, STAYS = 0, 1, 2

_CHUNK_ROWS = 1 << 14


def drawn(
    keys: NDArray[Any], concepts: Lists, chance: NDArray[np.float64], seed: str
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Return NO_CONCEPT, COMMON or STAYS for each key, and the probability with which it had to stay.

    `chance`: that of each entry of the vocabulary to be drawn.
    """
    fate, probability, start = np.empty(len(keys), np.int16), np.empty(len(keys)), seed_of(seed)

    def judge(first: int) -> None:
        rows = slice(first, first + _CHUNK_ROWS)
        offsets = concepts.offsets[first : first + _CHUNK_ROWS + 1]
        _judge(*halves(keys[rows]), offsets, concepts.values, start, chance, fate[rows], probability[rows])

    on_threads(judge, [(first,) for first in range(0, len(keys), _CHUNK_ROWS)])
    return fate, probability


@compiled
def _judge(
    high: Any, low: Any, offsets: Any, entries: Any, seed: Any, chance: Any, fate: Any, probability: Any
) -> None:
    for row in range(len(fate)):
        state = step(step(seed, high[row]), low[row])
        fate[row] = COMMON if offsets[row] < offsets[row + 1] else NO_CONCEPT
        missed = 1.0
        for at in range(offsets[row], offsets[row + 1]):
            passes = chance[entries[at]]
            if fraction(step(state, np.uint64(entries[at]))) < passes:
                fate[row] = STAYS
                break
            missed *= 1.0 - passes
        probability[row] = 1.0 - missed
