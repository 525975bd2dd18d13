"""Runs of words that a text repeats, counted over 64-bit hashes of the runs, all of one length at once.

h(w1 .. wn) = (h(w1 .. wn-1) * P + m(wn)) mod 2^64, with an odd P and a word's place among the different words, mixed by
splitmix64's finaliser, as m. Two runs that are taken for one are once in 2^64 for each pair. As strings, joined one by
one, the same takes some ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_P = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class WordRuns:
    """The words of a text, each as a number and with its length. N words, R runs of one length."""

    def __init__(self, words: Sequence[str]) -> None:
        places: dict[str, int] = {}
        ids_N = np.array([places.setdefault(word, len(places)) for word in words], np.uint64)
        self._mixed_N = _mixed(ids_N + np.uint64(1))
        self._ends_N = np.concatenate([[0], np.cumsum([len(word) for word in words], dtype=np.int64)])

    def of(self, most: int) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """Yield each length up to `most` with the hashes of all runs of so many words, in order."""
        hashes_R = np.zeros(len(self._mixed_N) + 1, np.uint64)
        for n in range(1, most + 1):
            if n > len(self._mixed_N):
                yield n, np.zeros(0, np.uint64)
                continue
            hashes_R = hashes_R[:-1] * _P + self._mixed_N[n - 1 :]
            yield n, hashes_R

    def top_chars(self, n: int, hashes_R: NDArray[np.uint64]) -> int:
        """Return the characters of all copies of the most frequent run, spaces between its words too; of several the
        one that stands first."""
        if not len(hashes_R):
            return 0
        _, first, counts = np.unique(hashes_R, return_index=True, return_counts=True)
        at = int(first[counts == counts.max()].min())
        return (self._chars(at, n) + n - 1) * int(counts.max())

    def again_chars(self, n: int, hashes_R: NDArray[np.uint64]) -> int:
        """Return the characters of runs that stood there before; none is counted twice."""
        if len(np.unique(hashes_R)) == len(hashes_R):
            return 0
        seen, chars, at, hashes = set[int](), 0, 0, hashes_R.tolist()
        while at < len(hashes):
            if hashes[at] in seen:
                chars, at = chars + self._chars(at, n), at + n
            else:
                seen.add(hashes[at])
                at += 1
        return chars

    def _chars(self, at: int, n: int) -> int:
        return int(self._ends_N[at + n] - self._ends_N[at])


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
