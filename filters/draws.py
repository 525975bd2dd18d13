"""Draws by key: chance that is the same on every machine, in every order and in every bucket.

The draw of entry e for a sample of key k, both halves big-endian, is

    step(state, word) = mix((state ^ word) + 0x9E3779B97F4A7C15)
    mix(z): z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z >> 31
    draw = step(step(step(s, high half of k), low half of k), e)
    fraction = (draw >> 11) / 2^53

in 64 bits that wrap; s is the first 8 bytes, big-endian, of the SHA-256 of the seed's UTF-8. `mix` is the finaliser of
splitmix64. SHA-256 of key and entry would do too, at some fifty times the cost a draw.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.compiled import compiled
from filters.corpus import halves

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_FRACTION = 2.0**-53


def seed_of(seed: str) -> np.uint64:
    """Return the number that draws begin with."""
    return np.uint64(int.from_bytes(sha256(seed.encode()).digest()[:8], "big"))


def draws(keys: NDArray[Any], seed: str, entry: int = 0) -> NDArray[np.uint64]:
    """Return the draw of one entry for each key (16 bytes)."""
    drawn = np.empty(len(keys), np.uint64)
    _draw(*halves(keys), seed_of(seed), np.uint64(entry), drawn)
    return drawn


@compiled
def step(state: Any, word: Any) -> Any:
    """Take 64 bits more into a state of 64 bits."""
    mixed = (state ^ word) + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def fraction(draw: Any) -> Any:
    """Return a draw as a number in [0, 1)."""
    return np.float64(draw >> np.uint64(11)) * _TO_FRACTION


@compiled
def _draw(high: Any, low: Any, seed: Any, entry: Any, drawn: Any) -> None:
    for row in range(len(drawn)):
        drawn[row] = step(step(step(seed, high[row]), low[row]), entry)
