"""Draws from a number: the same number and the same question give the same answer, in any shard and any order.

No generator is stepped, so a row's draws do not depend on the shard that it lies in, and rows of different shards can
share one: whatever belongs to a picture is drawn from the picture's number, not from the row's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.uint64]


def bits(numbers: ArrayLike, what: str) -> Numbers:
    """Return 64 random bits for each number, by splitmix64's mixing of number and question."""
    x = np.asarray(numbers).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + _salt(what)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@cache
def _salt(what: str) -> np.uint64:
    return np.uint64(int.from_bytes(sha256(what.encode()).digest()[:8], "big"))


def fractions(numbers: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each."""
    return (bits(numbers, what) >> np.uint64(11)) * 2.0**-53


def below(numbers: ArrayLike, what: str, count: int) -> NDArray[np.int64]:
    """Return a whole number under `count` for each."""
    return (fractions(numbers, what) * count).astype(np.int64)


def choice(numbers: ArrayLike, what: str, shares: Sequence[float]) -> NDArray[np.int64]:
    """Return a place among the shares for each."""
    edges = np.cumsum(shares)
    return np.minimum(np.searchsorted(edges / edges[-1], fractions(numbers, what), side="right"), len(edges) - 1)


def quantile(numbers: ArrayLike, what: str, points: Sequence[float]) -> NDArray[np.float64]:
    """Return a value for each, of a distribution given by evenly spaced quantiles."""
    return np.interp(fractions(numbers, what), np.linspace(0, 1, len(points)), points)


def sparse_bits(numbers: ArrayLike, what: str, share: float) -> Numbers:
    """Return 64 bits for each number, of which each stands with this probability, to a thousandth."""
    found = np.zeros(len(np.asarray(numbers)), np.uint64)
    for place, digit in enumerate(f"{round(share * 1024):010b}"[::-1]):
        word = bits(numbers, f"{what} {place}")
        found = found | word if digit == "1" else found & word
    return found
