"""Runs of words that a text repeats, counted over 64-bit hashes of the runs, compiled.

h(w1 .. wn) = (h(w1 .. wn-1) * P + m(wn)) mod 2^64, with an odd P and a word's place among the different words, mixed by
splitmix64's finaliser, as m. Two runs that are taken for one are once in 2^64 for each pair. As strings, joined one by
one, the same takes some hundred times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.compiled import compiled

_P = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)


def repeated_chars(words: Sequence[str], top: Sequence[int], again: Sequence[int]) -> list[int]:
    """Return, for each length in `top`, the characters of all copies of the most frequent run of so many words, spaces
    between its words too, of several the one that stands first; then, for each length in `again`, those of runs that
    stood there before, none counted twice. Lengths ascend.
    """
    places: dict[str, int] = {}
    ids_N = np.array([places.setdefault(word, len(places)) for word in words], np.uint64)
    ends_N = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, words), np.int64, len(words)), out=ends_N[1:])
    found = np.zeros(len(top) + len(again), np.int64)
    _repeated(_mixed(ids_N + np.uint64(1)), ends_N, np.array((*top, *again)), len(top), found)
    return [int(chars) for chars in found]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


@compiled
def _repeated(mixed_N: Any, ends_N: Any, lengths: Any, tops: Any, found: Any) -> None:
    """Lengthen all runs by a word at a time, and measure those of the lengths that are asked for."""
    slots = 16
    while slots < 2 * len(mixed_N):
        slots *= 2
    seen, first, count = np.empty(slots, np.uint64), np.empty(slots, np.int64), np.empty(slots, np.int64)
    hashes = np.zeros(len(mixed_N), np.uint64)
    at = 0
    for n in range(1, min(lengths[-1], len(mixed_N)) + 1):
        runs = len(mixed_N) - n + 1
        for run in range(runs):
            hashes[run] = hashes[run] * _P + mixed_N[run + n - 1]
        if n == lengths[at]:
            count[:] = 0
            if at < tops:
                found[at] = _top(hashes, runs, n, ends_N, seen, first, count)
            else:
                found[at] = _again(hashes, runs, n, ends_N, seen, count)
            at += 1


@compiled
def _slot(value: Any, seen: Any, count: Any) -> Any:
    """Return where a hash stands, or the free place where it would."""
    at = np.int64((value ^ (value >> _HALF)) & np.uint64(len(seen) - 1))
    while count[at] and seen[at] != value:
        at = (at + 1) & (len(seen) - 1)
    return at


@compiled
def _top(hashes: Any, runs: Any, n: Any, ends_N: Any, seen: Any, first: Any, count: Any) -> int:
    most, place = 0, 0
    for run in range(runs):
        at = _slot(hashes[run], seen, count)
        if not count[at]:
            seen[at], first[at] = hashes[run], run
        count[at] += 1
        if count[at] > most or (count[at] == most and first[at] < place):
            most, place = count[at], first[at]
    return int((ends_N[place + n] - ends_N[place] + n - 1) * most)


@compiled
def _again(hashes: Any, runs: Any, n: Any, ends_N: Any, seen: Any, count: Any) -> int:
    chars, run = 0, 0
    while run < runs:
        at = _slot(hashes[run], seen, count)
        if count[at]:
            chars += ends_N[run + n] - ends_N[run]
            run += n
        else:
            seen[at], count[at] = hashes[run], 1
            run += 1
    return int(chars)
