"""Near-duplicates by perceptual hash: x goes if a better-ranked y lies within the radius, and y is named.

The local-minimum rule: every drop can be checked against its witness, no two that stay are within the radius, and
chains do not grow, as connected components do. Better-ranked is more pixels, then the smaller key.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.bands import BANDS, MOST_RADIUS
from filters.columns import Columns
from filters.corpus import CorpusFilter, Learned, Lost, Spread, bucket_of, pixels, ranked


class NearDedup(CorpusFilter, frozen=True):
    """Drops pictures within `radius` bits of a better-ranked one (0 to 4); what is measured is the distance."""

    radius: int = 4
    reads: ClassVar = ("phash", "width_px", "height_px")
    reasons: ClassVar = ("near_duplicate",)
    row_bytes: ClassVar = 96

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= MOST_RADIUS:
            raise ValueError(f"radius must be 0 to {MOST_RADIUS}, not {self.radius}")

    @property
    def copies(self) -> int:
        return len(BANDS) - 1

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        return pixels(columns)

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        """Compare a row with those that agree with it in one of the first five bands: near ones agree in two of six."""
        hashes = columns.array("phash").astype(np.uint64, copy=False)
        buckets = np.empty((columns.count, self.copies), np.int64)
        for band, (start, width) in enumerate(BANDS[: self.copies]):
            value = (hashes >> np.uint64(start)) & np.uint64((1 << width) - 1)
            buckets[:, band] = bucket_of(value | np.uint64(band << width), count)
        buckets.sort(axis=1)
        first = np.ones(buckets.shape, np.bool_)
        first[:, 1:] = buckets[:, 1:] != buckets[:, :-1]
        return Spread(np.nonzero(first)[0], buckets[first])

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        from filters.hamming import nearest_better

        order = ranked(self.merit(columns), columns.array("key"))
        hashes = columns.array("phash")[order].astype(np.uint64, copy=False)
        witness = nearest_better(hashes, self.radius)
        lost = np.flatnonzero(witness >= 0)
        its = witness[lost]
        distance = np.bitwise_count(hashes[lost] ^ hashes[its]).astype(np.float64)
        return Lost(order[lost], order[its], distance, np.zeros(len(lost), np.int16))
