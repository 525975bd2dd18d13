"""Judgement over the languages of a whole sample, of which nothing is left out: a dialogue, a long text."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import ColumnFilter, Judgement, dropped_where


class MostlyInLanguage(ColumnFilter, frozen=True):
    """Drops a sample of whose characters less than `share` stand in texts of `languages` (ISO 639-1), or in texts of
    which the identifier is less than `sure`: a short answer is hard to place, and no ground to drop a dialogue.

    With `each_text`, texts count and not their characters: an English question after code or a translation stays.
    """

    languages: tuple[str, ...] = ("en",)
    share: float = 0.8
    sure: float = 0.9
    each_text: bool = False
    reads: ClassVar = ("text_language", "text_language_share", "text_chars")
    reasons: ClassVar = ("other_language",)

    def judge_columns(self, columns: Columns) -> Judgement:
        chars = columns.lists("text_chars")
        shares = columns.lists("text_language_share").within().astype(np.float64)
        known = np.isin(columns.lists("text_language").within().astype(str), self.languages)
        row, weights = chars.row_of_value(), chars.within().astype(np.float64)
        weights = np.minimum(weights, 1) if self.each_text else weights
        total = np.bincount(row, weights, columns.count)
        stands = np.bincount(row, weights * (known | (shares < self.sure)), columns.count)
        found = stands / np.maximum(total, 1)
        return dropped_where((found < self.share) & (total > 0), found)
