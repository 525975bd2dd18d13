"""Concept balance: samples of frequent concepts are thinned, samples of rare ones stay (MetaCLIP's rule).

An entry of the vocabulary that `count` samples match is drawn with p = min(1, per_entry / count), for each of them
apart; a sample stays if any of its entries is drawn, so with 1 - product of (1 - p). A sample that matches nothing
goes. The draws hang on key, entry and seed alone (filters/drawn.py): the same corpus keeps the same samples, and a row
is decided wherever it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.corpus import NOBODY, CorpusFilter, Learned, Lost, Spread, bucket_of, half


class Balance(CorpusFilter, frozen=True):
    """Keeps about `per_entry` samples of every frequent concept, and all of the others; what is measured is the
    probability with which the sample had to stay.

    MetaCLIP's threshold is 20,000 for 400 million pairs. Raises ValueError for less than 1.
    """

    per_entry: int
    seed: str = "balance"
    reads: ClassVar = ("concepts",)
    reasons: ClassVar = ("no_concept", "common_concepts")
    row_bytes: ClassVar = 80
    counts: ClassVar = "counts"

    def __post_init__(self) -> None:
        if self.per_entry < 1:
            raise ValueError(f"per_entry must be 1 or more samples, not {self.per_entry}")

    def survey(self, columns: Columns) -> Learned:
        return {"counts": np.bincount(columns.lists("concepts").within()).astype(np.int64)}

    def learn(self, surveys: Sequence[Learned]) -> Learned:
        counts = np.zeros(max((len(one["counts"]) for one in surveys), default=0), np.int64)
        for one in surveys:
            counts[: len(one["counts"])] += one["counts"]
        return {"counts": counts}

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        return Spread(np.arange(columns.count), bucket_of(half(columns.array("key"), 1), count))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        """Raises ValueError where a row has an entry that was not counted."""
        from filters.drawn import STAYS, drawn

        concepts, counts = columns.lists("concepts"), learned["counts"]
        if len(concepts.within()) and concepts.within().max() >= len(counts):
            raise ValueError(f"entry {concepts.within().max()} was not counted: survey the rows that are decided")
        chance = np.minimum(1.0, self.per_entry / np.maximum(counts, 1))
        reason, probability = drawn(columns.array("key"), concepts, chance, self.seed)
        lost = np.flatnonzero(reason != STAYS)
        return Lost(lost, np.full(len(lost), NOBODY, np.int64), probability[lost], reason[lost])
