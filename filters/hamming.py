"""The first hash within a few bits of each, among those that stand before it: exact, at tens of millions of rows.

Of six bands of 64 bits, two hashes that differ in at most four bits agree in two bands at least. So the rows are
spread by one band into partitions that fit a cache, and each partition is sorted by every later band: a bucket holds
the rows that agree in both, in their order, and a row looks through its bucket from the front, until it finds a hash
that is near or comes to one no better than it has. A crowded bucket is cut again by the bits that are still free, in
five parts, of which two near hashes agree in one at least. Equal hashes are joined first and cost nothing more.

A row lies in one partition of a band, so many threads search partitions; how many threads changes no answer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.bands import BANDS, MOST_RADIUS
from filters.compiled import compiled, cores, on_threads

_NONE = -1
_PARTITIONS = 1 << 11
_TASK_PARTITIONS = 32
_THREAD_ROWS = 100_000
_CROWD = 128
_LEAST_FREE_BITS = 10
_SHIFTS = np.array([start for start, _ in BANDS], np.uint64)
_WIDTHS = np.array([width for _, width in BANDS], np.uint64)
_ONE = np.uint64(1)


def nearest_better(hashes: NDArray[np.uint64], radius: int, threads: int = 0) -> NDArray[Any]:
    """Return, for each hash, the place of the first that lies within `radius` bits (0 to 4) of it and stands before it,
    or -1. `threads`: 0 means one a core, where there are rows enough for more than one.
    """
    count = len(hashes)
    threads = threads or min(cores(), 1 + count // _THREAD_ROWS)
    witness = np.full(count, _NONE, np.int32 if count <= np.iinfo(np.int32).max else np.int64)
    spread, places = np.empty(count, np.uint64), np.empty_like(witness)
    tasks = list(pairwise(range(0, _PARTITIONS + 1, _PARTITIONS if threads == 1 else _TASK_PARTITIONS)))
    for band in range(len(BANDS) - 1):
        bounds = _by_band(hashes, witness, band, threads, spread, places)
        if not band:
            on_threads(_join_equals, [(spread, places, bounds, *task, witness) for task in tasks], threads)
        on_threads(_search, [(spread, places, bounds, *task, band, radius, witness) for task in tasks], threads)
    _settle(witness)
    return witness


def _by_band(
    hashes: NDArray[np.uint64],
    witness: NDArray[Any],
    band: int,
    threads: int,
    spread: NDArray[np.uint64],
    places: NDArray[Any],
) -> NDArray[np.int64]:
    """Spread hashes that equal no earlier one, and their places, into partitions; return where each begins and ends.

    Each thread takes a stretch of the rows and writes behind what those before it have in the same partition.
    """
    counts = np.zeros((threads, _PARTITIONS), np.int64)
    stretches = list(pairwise(np.linspace(0, len(hashes), threads + 1).astype(np.int64).tolist()))
    on_threads(_count, [(hashes[a:b], witness[a:b], band, counts[at]) for at, (a, b) in enumerate(stretches)], threads)
    ends = np.cumsum(counts.T).reshape(_PARTITIONS, threads)
    begins = ends - counts.T
    follow = np.array(begins.T, order="C")
    on_threads(
        _spread,
        [(hashes[a:b], witness[a:b], band, a, follow[at], spread, places) for at, (a, b) in enumerate(stretches)],
        threads,
    )
    return np.stack([begins[:, 0], ends[:, -1]])


@compiled
def _bits(value: Any, shift: Any, width: Any) -> Any:
    return np.int64((value >> shift) & ((_ONE << width) - _ONE))


@compiled
def _drop_bits(values: Any, shift: Any, width: Any) -> None:
    """Close the gap where some bits stood."""
    for at in range(len(values)):
        value = values[at]
        values[at] = (value & ((_ONE << shift) - _ONE)) | ((value >> shift >> width) << shift)


@compiled
def _differing_bits(one: Any, other: Any) -> Any:
    """Count the bits: the shape that LLVM knows as the processor's own instruction."""
    left = one ^ other
    left = left - ((left >> _ONE) & np.uint64(0x5555555555555555))
    left = (left & np.uint64(0x3333333333333333)) + ((left >> np.uint64(2)) & np.uint64(0x3333333333333333))
    left = (left + (left >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((left * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def _count(hashes: Any, witness: Any, band: Any, counts: Any) -> None:
    for at in range(len(hashes)):
        if witness[at] >= _NONE:
            counts[_bits(hashes[at], _SHIFTS[band], _WIDTHS[band])] += 1


@compiled
def _spread(hashes: Any, witness: Any, band: Any, first: Any, follow: Any, spread: Any, places: Any) -> None:
    for at in range(len(hashes)):
        if witness[at] >= _NONE:
            partition = _bits(hashes[at], _SHIFTS[band], _WIDTHS[band])
            to = follow[partition]
            spread[to], places[to] = hashes[at], first + at
            follow[partition] = to + 1


@compiled
def _join_equals(spread: Any, places: Any, bounds: Any, first: Any, last: Any, witness: Any) -> None:
    """Leave the first of equal hashes in each partition; of the others, note the place of the first as -2 - place."""
    for partition in range(first, last):
        begin, end = bounds[0, partition], bounds[1, partition]
        bits = 1
        while 1 << bits < 2 * (end - begin):
            bits += 1
        table = np.full(1 << bits, -1, places.dtype)
        kept = begin
        for at in range(begin, end):
            value = spread[at]
            slot = np.int64((value * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
            while table[slot] >= 0 and spread[begin + table[slot]] != value:
                slot = (slot + 1) & ((1 << bits) - 1)
            if table[slot] >= 0:
                witness[places[at]] = -2 - places[begin + table[slot]]
            else:
                table[slot] = kept - begin
                spread[kept], places[kept] = value, places[at]
                kept += 1
        bounds[1, partition] = kept


@compiled
def _settle(witness: Any) -> None:
    """A hash that equals an earlier one has the witness of that one, or that one."""
    for at in range(len(witness)):
        if witness[at] < _NONE:
            equal = -2 - witness[at]
            witness[at] = witness[equal] if witness[equal] >= 0 else equal


@compiled
def _sort(values: Any, rows: Any, shift: Any, width: Any, ends: Any, into: Any, into_rows: Any) -> None:
    """Sort by some bits, stable: bucket b is then into[ends[b - 1] : ends[b]], and begins at 0 for b = 0."""
    ends[:] = 0
    for value in values:
        ends[_bits(value, shift, width)] += 1
    total = 0
    for bucket in range(len(ends)):
        ends[bucket], total = total, total + ends[bucket]
    for at in range(len(values)):
        bucket = _bits(values[at], shift, width)
        into[ends[bucket]], into_rows[ends[bucket]] = values[at], rows[at]
        ends[bucket] += 1


@compiled
def _walk(values: Any, rows: Any, limits: Any, radius: Any, most: Any) -> int:
    """Look for each through at most so many from the front; return how many have more to look through."""
    unfinished = 0
    for at in range(1, len(values)):
        value, row = values[at], rows[at]
        limit, stop, other = limits[row], min(at, most), 0
        while other < stop and rows[other] < limit:
            if _differing_bits(value, values[other]) <= radius:
                limits[row] = rows[other]
                break
            other += 1
        if other == stop < at and rows[other] < limit:
            unfinished += 1
    return unfinished


@compiled
def _cut(values: Any, rows: Any, limits: Any, radius: Any, free_bits: Any, unfinished: Any) -> None:
    """Search on in a crowded bucket, whose hashes differ in the low `free_bits` alone: by five parts of these."""
    if unfinished <= _CROWD or free_bits < _LEAST_FREE_BITS:
        _walk(values, rows, limits, radius, len(values))
        return
    into, into_rows = np.empty_like(values), np.empty_like(rows)
    for part in range(MOST_RADIUS + 1):
        shift = part * free_bits // (MOST_RADIUS + 1)
        width = (part + 1) * free_bits // (MOST_RADIUS + 1) - shift
        ends = np.empty(1 << width, np.int64)
        _sort(values, rows, np.uint64(shift), np.uint64(width), ends, into, into_rows)
        begin = 0
        for end in ends:
            left = _walk(into[begin:end], into_rows[begin:end], limits, radius, _CROWD) if end - begin > 1 else 0
            if left:
                _drop_bits(into[begin:end], np.uint64(shift), np.uint64(width))
                _cut(into[begin:end], into_rows[begin:end], limits, radius, free_bits - width, left)
            begin = end


@compiled
def _limit(places: Any, witness: Any, row: Any) -> Any:
    """Return how many rows of the partition are better than the witness of this one; its own place without one."""
    found = witness[places[row]]
    if found < 0:
        return row
    low, high = 0, row
    while low < high:
        middle = (low + high) >> 1
        if places[middle] < found:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _search(spread: Any, places: Any, bounds: Any, first: Any, last: Any, band: Any, radius: Any, witness: Any) -> None:
    """Search partitions that agree in a band, by every later band; write down each better witness that is found."""
    ends = np.empty(_PARTITIONS, np.int64)
    for partition in range(first, last):
        begin, end = bounds[0, partition], bounds[1, partition]
        if end - begin < 2:
            continue
        hashes, own = spread[begin:end], places[begin:end]
        rows, limits = np.arange(end - begin).astype(places.dtype), np.empty(end - begin, places.dtype)
        for row in range(end - begin):
            limits[row] = _limit(own, witness, row)
        values, into_rows = np.empty_like(hashes), np.empty_like(rows)
        for later in range(band + 1, len(BANDS)):
            _sort(hashes, rows, _SHIFTS[later], _WIDTHS[later], ends, values, into_rows)
            start = np.int64(0)
            for stop in ends:
                if stop - start > 1:
                    _search_bucket(values[start:stop], into_rows[start:stop], limits, radius, band, later)
                start = stop
        for row in range(end - begin):
            found = witness[own[row]]
            if limits[row] < row and (found < 0 or own[limits[row]] < found):
                witness[own[row]] = own[limits[row]]


@compiled
def _search_bucket(values: Any, rows: Any, limits: Any, radius: Any, band: Any, later: Any) -> None:
    unfinished = _walk(values, rows, limits, radius, _CROWD)
    if unfinished:
        _drop_bits(values, _SHIFTS[later], _WIDTHS[later])
        _drop_bits(values, _SHIFTS[band], _WIDTHS[band])
        free_bits = np.int64(np.uint64(64) - _WIDTHS[band] - _WIDTHS[later])
        _cut(values, rows, limits, radius, free_bits, unfinished)
