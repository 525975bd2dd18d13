"""Judgements over a document as a whole: how much is written, and in which language."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns, Lists
from filters.filter import ColumnFilter, Judgement, dropped_where


class DocumentLength(ColumnFilter, frozen=True):
    """Drops documents whose texts together have fewer than `least` characters, or more than `most`."""

    least: int = 200
    most: int = 5_000_000
    reads: ClassVar = ("text_chars",)
    reasons: ClassVar = ("document_too_short", "document_too_long")

    def judge_columns(self, columns: Columns) -> Judgement:
        chars = columns.lists("text_chars")
        total = _sums(chars, chars.values)
        found = dropped_where((total < self.least) | (total > self.most), total)
        found.reason[total > self.most] = 1
        return found


class DocumentLanguage(ColumnFilter, frozen=True):
    """Drops documents of which less than `share` of the characters stand in texts of one of `languages` (ISO 639-1).

    Single texts stay: a title or a name is often taken for another language.
    """

    languages: tuple[str, ...] = ("en",)
    share: float = 0.5
    reads: ClassVar = ("text_language", "text_chars")
    reasons: ClassVar = ("other_language",)

    def judge_columns(self, columns: Columns) -> Judgement:
        chars = columns.lists("text_chars")
        theirs = np.isin(columns.lists("text_language").values.astype(str), self.languages)
        total = _sums(chars, chars.values)
        share = _sums(chars, chars.values * theirs) / np.maximum(total, 1)
        return dropped_where(share < self.share, share)


def _sums(lists: Lists, values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the sum of each row's values."""
    summed = np.concatenate([[0.0], np.cumsum(values.astype(np.float64))])
    found: NDArray[np.float64] = summed[lists.offsets[1:]] - summed[lists.offsets[:-1]]
    return found
