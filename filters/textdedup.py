"""Near-duplicate texts by MinHash: x goes if a better-ranked y agrees with it in enough places, and y is named.

The rule is that of pictures (the local minimum): more characters rank first, then the smaller key, so every drop can
be checked against its witness and no two that stay are near. No Jaccard similarity is estimated beyond the places.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import CorpusFilter, Learned, Lost, Spread, bucket_of, ranked
from schemas.vocabulary.compared import SIGNATURE_PLACES

if TYPE_CHECKING:
    from filters.signatures import Signatures


class TextNearDedup(CorpusFilter, frozen=True):
    """Drops texts of which at least `similarity` of the places of the signature agree with a better-ranked one's; what
    is measured is the share that agrees. A sample without a signature stays.

    Signatures are cut into `bands` equal bands. Raises ValueError where so many places may differ that near texts could
    agree in no whole band. A row is compared in one bucket a band, of as many bands as places may differ and one more:
    23 at the default, 6 at 0.95 (with 28 bands), which is what spreading them costs.
    """

    similarity: float = 0.8
    bands: int = 28
    reads: ClassVar[tuple[str, ...]] = ("minhash", "text_chars")
    reasons: ClassVar = ("near_duplicate_text",)
    row_bytes: ClassVar = 448

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise ValueError(f"similarity must be above 0 and at most 1, not {self.similarity}")
        some = [bands for bands in range(1, SIGNATURE_PLACES + 1) if SIGNATURE_PLACES % bands == 0]
        if self.bands not in some:
            raise ValueError(f"bands must divide {SIGNATURE_PLACES} ({', '.join(map(str, some))}), not {self.bands}")
        if self._may_differ >= self.bands:
            enough = next(bands for bands in some if bands > self._may_differ)
            least = (floor(1000 * (SIGNATURE_PLACES - self.bands) / SIGNATURE_PLACES) + 1) / 1000
            raise ValueError(
                f"similarity {self.similarity} lets {self._may_differ} of {SIGNATURE_PLACES} places differ, and "
                f"near texts may agree in none of {self.bands} bands: give "
                f"bands={enough}, or a similarity of {least} or more"
            )

    @property
    def _may_differ(self) -> int:
        return SIGNATURE_PLACES - ceil(round(self.similarity * SIGNATURE_PLACES, 9))

    @property
    def copies(self) -> int:
        return self._may_differ + 1

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        chars = columns.lists("text_chars")
        total = np.zeros(len(chars.values) + 1, np.uint64)
        np.cumsum(chars.values, out=total[1:])
        found: NDArray[np.uint64] = total[chars.offsets[1:]] - total[chars.offsets[:-1]]
        return found

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        rows, signatures = self._signatures(columns, np.arange(columns.count))
        everyone = np.arange(len(rows))
        buckets = np.empty((len(rows), self.copies), np.int64)
        for band in range(self.copies):
            buckets[:, band] = bucket_of(signatures.keys(everyone, band), count)
        buckets.sort(axis=1)
        first = np.ones(buckets.shape, np.bool_)
        first[:, 1:] = buckets[:, 1:] != buckets[:, :-1]
        return Spread(np.repeat(rows, first.sum(axis=1)), buckets[first])

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        from filters.signatures import nearest_better

        rows, signatures = self._signatures(columns, ranked(self.merit(columns), columns.array("key")))
        witness = nearest_better(signatures)
        lost = np.flatnonzero(witness >= 0)
        mine, its = rows[lost], rows[witness[lost]]
        return Lost(
            mine, its, signatures.agreeing(lost, witness[lost]) / SIGNATURE_PLACES, np.zeros(len(lost), np.int16)
        )

    def _signatures(self, columns: Columns, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], Signatures]:
        """Return the rows that have a signature, in this order, and their signatures; raises ValueError where one is of
        another length."""
        from filters.signatures import Signatures

        lists = columns.lists("minhash")
        lengths = np.diff(lists.offsets)
        wrong = np.flatnonzero((lengths != 0) & (lengths != SIGNATURE_PLACES))
        if len(wrong):
            raise ValueError(f"row {wrong[0]}: a signature of {lengths[wrong[0]]} values, not {SIGNATURE_PLACES}")
        rows = order[lengths[order] > 0]
        values_NP = np.ascontiguousarray(lists.within(), np.uint16).reshape(-1, SIGNATURE_PLACES)
        return rows, Signatures(values_NP, (np.cumsum(lengths > 0) - 1)[rows], self.bands, self._may_differ)
