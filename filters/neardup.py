"""Near-duplicates by perceptual hash: x goes if a better-ranked y lies within the radius, and y is named.

The local-minimum rule: every drop can be checked against its witness, no two that stay are within the radius, and
chains do not grow, as connected components do. Candidates come from pairs of bands: of six bands of 64 bits, two
hashes that differ in at most four bits agree in two bands at least. Rows are in rank order, so within a bucket the
better-ranked is the earlier, and the witness is the earliest of all that are near.
"""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import CorpusFilter, Lost, ranked_by_pixels

BANDS = ((0, 11), (11, 11), (22, 11), (33, 11), (44, 10), (54, 10))
MOST_RADIUS = len(BANDS) - 2


class NearDedup(CorpusFilter, frozen=True):
    """Drops pictures within `radius` bits of a better-ranked one (0 to 4); what is measured is the distance."""

    radius: int = 4
    reads: ClassVar = ("phash", "width_px", "height_px")
    reasons: ClassVar = ("near_duplicate",)

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= MOST_RADIUS:
            raise ValueError(f"radius must be 0 to {MOST_RADIUS}, not {self.radius}")

    def decide(self, columns: Columns) -> Lost:
        ranked = ranked_by_pixels(columns)
        hashes = columns.array("phash")[ranked].astype(np.uint64)
        witness = nearest_better(hashes, self.radius)
        lost = np.flatnonzero(witness >= 0)
        distance = np.bitwise_count(hashes[lost] ^ hashes[witness[lost]])
        return Lost(ranked[lost], ranked[witness[lost]], distance.astype(np.float64))


def nearest_better(hashes: NDArray[np.uint64], radius: int) -> NDArray[np.int64]:
    """Return, for each hash, the place of the first that lies within `radius` bits of it and stands before it, or -1.

    Equal hashes are joined first, so that a bucket of one hash repeated costs nothing.
    """
    values, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    places, unique = first[order], values[order]
    best = np.arange(len(unique))
    for one, other in combinations(BANDS, 2):
        _walk_buckets(unique, _bits(unique, one) << np.uint64(11) | _bits(unique, other), radius, best)
    rank_of_value = np.empty(len(values), np.int64)
    rank_of_value[order] = np.arange(len(values))
    witness: NDArray[np.int64] = places[best[rank_of_value[group]]]
    witness[witness == np.arange(len(hashes))] = -1
    return witness


def _bits(hashes: NDArray[np.uint64], band: tuple[int, int]) -> NDArray[np.uint64]:
    start, width = band
    return (hashes >> np.uint64(start)) & np.uint64((1 << width) - 1)


def _walk_buckets(unique: NDArray[np.uint64], bucket: NDArray[np.uint64], radius: int, best: NDArray[np.int64]) -> None:
    """Compare each hash with the members of its bucket that stand before it, one step of distance at a time."""
    order = np.argsort(bucket, kind="stable")
    sorted_bucket = bucket[order]
    starts = np.flatnonzero(np.r_[True, sorted_bucket[1:] != sorted_bucket[:-1]])
    start = np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    place = np.arange(len(order))
    step = 0
    active = place
    while True:
        other = start[active] + step
        active = active[(other < active) & (order[np.minimum(other, len(order) - 1)] < best[order[active]])]
        if not len(active):
            return
        mine, earlier = order[active], order[start[active] + step]
        near = np.bitwise_count(unique[mine] ^ unique[earlier]) <= radius
        best[mine[near]] = earlier[near]
        active = active[~near]
        step += 1
