"""A weighted draw without return, by key: what is drawn hangs on the seed, the step and the tasks' own keys alone.

Each task has a word of its own, mixed with the step's into a fraction u; those of least -log(u) / weight are drawn,
which is a draw without return in proportion to weights (Efraimidis and Spirakis). Some 20 million tasks a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from trainer.plan.permutation import Words, mixed

Weights = NDArray[np.float64]


def words_of(keys: Sequence[str]) -> Words:
    """Return a word for each key."""
    return np.array([_word(key) for key in keys], np.uint64)


def drawn(words_N: Words, weight_N: Weights, count: int, *key: int | str) -> list[int]:
    """Return the places of `count` tasks, the first drawn first; those that weigh nothing are never drawn."""
    step_word = np.uint64(_word("\0".join(map(str, key))))
    fraction_N = ((mixed(words_N ^ step_word) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    able = np.flatnonzero(weight_N > 0)
    wait = -np.log(fraction_N[able]) / weight_N[able]
    return [int(able[at]) for at in np.argsort(wait, kind="stable")[:count]]


def _word(said: str) -> int:
    return int.from_bytes(sha256(said.encode()).digest()[:8], "big")
