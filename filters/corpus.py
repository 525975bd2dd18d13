"""What a corpus filter is: a judgement over all living samples at once, which names the sample each one lost to.

A filter says in which buckets a row has to be compared, so that buckets can be decided apart, on one machine after
another or on many at once: what a filter decides of all rows together is what it decides of the buckets, joined by the
best witness. Whatever must be known of the whole corpus first (counts, centroids) is surveyed and joined before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Columns
from schemas.names import snake_case

Learned = Mapping[str, NDArray[Any]]
"""What must be known of the whole corpus before any row is decided, arrays by name."""

NOTHING: Learned = {}
NOBODY = -1
PIECE_ROWS = 1 << 14
SAMPLED = 16


WHOLE = -1
"""Stands for the whole sample where a part could stand."""


class Lost(Struct, frozen=True):
    """The samples that go: their rows, the rows of the samples they lost to (NOBODY: none), what was measured, and the
    place of the reason among the filter's.

    `parts`: the part that goes while the sample stays, WHOLE where the sample goes; None where all samples go whole. A
    row stands once for each of its parts.
    """

    rows: NDArray[np.int64]
    witnesses: NDArray[np.int64]
    measured: NDArray[np.float64]
    reason: NDArray[np.int16]
    parts: NDArray[np.int64] | None = None

    def places(self) -> NDArray[np.int64]:
        """Return the part that goes, or WHOLE, of each row."""
        return np.full(len(self.rows), WHOLE, np.int64) if self.parts is None else self.parts


class Spread(Struct, frozen=True):
    """Rows with the bucket that each one is compared in; a row stands once for every bucket it is in."""

    rows: NDArray[np.int64]
    buckets: NDArray[np.int64]


class CorpusFilter(Struct, frozen=True):
    """A barrier in a recipe: all shards reach it, then `decide` sees the columns it reads, and `key` (16 bytes).

    `row_bytes`: what deciding takes at its height, bytes a row, the columns that are read included. `copies`: in how
    many buckets a row is at most. `counts`: the learned array that says of each entry of a vocabulary in how many
    samples it stands, where there is one. `of_parts`: whether it leaves parts out, so that what follows sees samples
    without them.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ()
    row_bytes: ClassVar[int] = 256
    counts: ClassVar[str] = ""
    of_parts: ClassVar[bool] = False

    @property
    def copies(self) -> int:
        return 1

    @property
    def name(self) -> str:
        """The name in verdicts and funnels: the class's, in snake_case."""
        return snake_case(type(self).__name__)

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        """Return what makes a sample the better one of two, the larger; between equals, the smaller key is better."""
        return np.zeros(columns.count, np.uint64)

    def survey(self, columns: Columns) -> Learned:
        """Return what some rows add to what must be known of the whole corpus."""
        return NOTHING

    def learn(self, surveys: Sequence[Learned]) -> Learned:
        """Join surveys of parts of the corpus; the same for any cut into parts and any order of them."""
        return NOTHING

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        """Say in which of `count` buckets each row is compared; by default all in one, which needs memory for all."""
        return Spread(np.arange(columns.count), np.zeros(columns.count, np.int64))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        """Return who goes among the rows of whole buckets; the same for any order of the rows."""
        raise NotImplementedError(f"{type(self).__name__} has no decide()")


def halves(uuids: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return 16-byte values as their high and low 64 bits: in this order they compare as the bytes do."""
    return half(uuids, 0), half(uuids, 1)


def half(uuids: NDArray[Any], which: int) -> NDArray[np.uint64]:
    """Return the high (0) or the low (1) 64 bits of 16-byte values."""
    found: NDArray[np.uint64] = np.ascontiguousarray(uuids).view(">u8").reshape(-1, 2)[:, which].astype(np.uint64)
    return found


def bucket_of(values: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """Return the bucket of each value: the high bits of a multiplicative hash, so that close values part."""
    mixed = values * np.uint64(0x9E3779B97F4A7C15)
    buckets: NDArray[np.int64] = ((mixed >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int64)
    return buckets


def pixels(columns: Columns) -> NDArray[np.uint64]:
    """Return the merit of a picture: how many pixels it has."""
    found: NDArray[np.uint64] = np.multiply(columns.array("width_px"), columns.array("height_px"), dtype=np.uint64)
    return found


def ranked(merit: NDArray[np.uint64], keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows, best first: more merit before less, then the smaller key. This is a total order.

    Sorted is one number a row, the merit and as many bits of the key as fit behind it; the few rows that agree in it
    are put in order by the whole key.
    """
    worse = merit.max(initial=0) - merit
    bits = np.uint64(int(worse.max(initial=0)).bit_length())
    worse <<= np.uint64(64) - bits
    worse |= half(keys, 0) >> bits
    order, found = sorted_order(worse)
    tied = np.flatnonzero(repeated(found))
    rows = order[tied]
    order[tied] = rows[np.lexsort((*reversed(halves(keys[rows])), found[tied]))]
    return order


def sorted_order(values: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return the rows by ascending value, equal ones in no order, and the values so sorted.

    Pieces that fit a cache, cut where a sample says, are sorted one by one: at 50 million rows three times as fast.
    """
    pieces = min(len(values) // PIECE_ROWS, 1 << 15) + 1
    sample = np.sort(values[:: max(1, len(values) // (SAMPLED * pieces))])
    piece = np.searchsorted(sample[SAMPLED::SAMPLED], values).astype(np.uint16)
    order: NDArray[np.int64] = np.argsort(piece, kind="stable")
    found, ends = values[order], np.cumsum(np.bincount(piece)).tolist()
    for begin, end in pairwise([0, *ends]):
        within = np.argsort(found[begin:end])
        found[begin:end], order[begin:end] = found[begin:end][within], order[begin:end][within]
    return order, found


def repeated(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return which of sorted values stand there more than once."""
    found = np.zeros(len(values), np.bool_)
    np.equal(values[1:], values[:-1], out=found[1:])
    found[:-1] |= found[1:]
    return found
