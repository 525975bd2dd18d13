"""Judgements over thinking: what says itself again, doubts itself too often, or comes to another answer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import ColumnFilter, Judgement
from filters.prose import first_broken


class SoundThought(ColumnFilter, frozen=True):
    """Drops thinking of which more than `repeated` of some 400 words was said before in them, that doubts itself more
    than once in `chars_a_doubt` characters (and more than `doubts` times), or whose last result is not in the box."""

    repeated: float = 0.3
    doubts: int = 3
    chars_a_doubt: int = 400
    reads: ClassVar = ("thought_chars", "thought_repeated", "thought_doubts", "thought_contradicts")
    reasons: ClassVar = ("thought_repeated", "thought_redundant", "thought_contradicts")

    def judge_columns(self, columns: Columns) -> Judgement:
        chars, repeated, doubts, contradicts = (columns.array(name).astype(np.float64) for name in self.reads)
        often = (doubts > self.doubts) & (doubts * self.chars_a_doubt > chars)
        return first_broken(
            columns.count, (repeated > self.repeated, repeated), (often, doubts), (contradicts > 0, contradicts)
        )
