"""Exact duplicates: of pictures with the same bytes, the best-ranked stays (more pixels, then the smaller key)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import CorpusFilter, Learned, Lost, Spread, bucket_of, half, halves, pixels, repeated, sorted_order


class ExactDedup(CorpusFilter, frozen=True):
    """Drops every copy but one; the witness is the one that stays."""

    reads: ClassVar[tuple[str, ...]] = ("digest", "width_px", "height_px")
    reasons: ClassVar = ("exact_duplicate",)
    row_bytes: ClassVar = 96

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        return pixels(columns)

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        return Spread(np.arange(columns.count), bucket_of(half(columns.array("digest"), 1), count))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        rows, starts = _copies(columns.array("digest"))
        best = _best(self.merit(columns)[rows], columns.array("key")[rows], starts)
        winners = np.repeat(rows[best], np.diff(starts, append=len(rows)))
        lost = np.flatnonzero(rows != winners)
        return Lost(rows[lost], winners[lost], np.zeros(len(lost)), np.zeros(len(lost), np.int16))


class ExactDocuments(ExactDedup, frozen=True):
    """Drops every document but one with the same texts and pictures; of equal ones that with the smaller key stays."""

    reads: ClassVar[tuple[str, ...]] = ("digest",)

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        return np.zeros(columns.count, np.uint64)


def _copies(digests: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that may have copies, equal digests together, and where each digest's rows start.

    Sorted are the high halves; low halves are looked at where the high ones are equal, and sorted where they differ.
    """
    order, found = sorted_order(half(digests, 0))
    rows = order[repeated(found)]
    del order, found
    high, low = halves(digests[rows])
    if ((high[1:] == high[:-1]) & (low[1:] != low[:-1])).any():
        again = np.lexsort((low, high))
        rows, high, low = rows[again], high[again], low[again]
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return rows, np.flatnonzero(starts)


def _best(merit: NDArray[np.uint64], keys: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of the best-ranked of each group: of its largest merits the smallest key."""
    stay, sizes = np.ones(len(merit), np.bool_), np.diff(starts, append=len(merit))
    for which in (None, 0, 1):
        value = ~merit if which is None else half(keys, which)
        value[~stay] = np.iinfo(np.uint64).max
        stay &= value == np.repeat(np.minimum.reduceat(value, starts), sizes)
    left = np.flatnonzero(stay)
    return left[np.searchsorted(left, starts)]
