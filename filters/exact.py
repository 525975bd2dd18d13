"""Exact duplicates: of pictures with the same bytes, the best-ranked stays (more pixels, then the smaller key)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.corpus import CorpusFilter, Lost, ranked_by_pixels


class ExactDedup(CorpusFilter, frozen=True):
    """Drops every copy but one; the witness is the one that stays."""

    reads: ClassVar = ("digest", "width_px", "height_px")
    reasons: ClassVar = ("exact_duplicate",)

    def decide(self, columns: Columns) -> Lost:
        ranked = ranked_by_pixels(columns)
        digests = columns.array("digest")[ranked]
        _, first, group = np.unique(digests, return_index=True, return_inverse=True)
        winner = first[group]
        lost = np.flatnonzero(winner != np.arange(len(ranked)))
        return Lost(ranked[lost], ranked[winner[lost]], np.zeros(len(lost)))
