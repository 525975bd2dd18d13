"""Judgements over the texts of a sample: a bad text is left out, a sample goes when none is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement

BOILERPLATE = (
    r"^\W*$",
    r"^(img|dsc|dscn|dscf|p|image|photo|picture|screenshot|untitled)[ _-]*\d*(\.\w{3,4})?$",
    r"^\S+\.(jpe?g|png|gif|webp|bmp|tiff?)$",
    r"^(https?://|www\.)\S+$",
    r"^(click|tap) (here|to|for|on)\b",
    r"\b(image|photo|picture) (not available|unavailable|may contain|coming soon)\b",
    r"^(stock (photo|image|vector)|royalty[- ]free|no caption|placeholder|thumbnail|logo|icon|banner|avatar)s?$",
    r"^(share|tweet|pin it|read more|learn more|view larger|enlarge|download|next|previous)\b.{0,20}$",
)


def texts_that_stay(
    columns: Columns, bad: NDArray[np.int16], measured: NDArray[np.float64], none: int, reasons: Sequence[str] = ()
) -> Judgement:
    """Turn a reason per text (KEEP where it is good) into verdicts: dropped for its first text's reason when no text
    is good, for reason `none` where there is no text at all."""
    return parts_that_stay(columns, "text_parts", bad, measured, none, reasons)


def parts_that_stay(
    columns: Columns,
    places_in: str,
    bad: NDArray[np.int16],
    measured: NDArray[np.float64],
    none: int,
    reasons: Sequence[str] = (),
) -> Judgement:
    """Do the same for the parts whose places stand in the column `places_in`; `reasons`: the filter's, which the parts
    that are left out carry."""
    places = columns.lists(places_in)
    reason = np.full(columns.count, none, np.int16)
    said = np.full(columns.count, np.nan)
    first = places.offsets[:-1]
    some = places.offsets[1:] > first
    reason[some], said[some] = bad[first[some]], measured[first[some]]
    row = places.row_of_value()
    good = np.zeros(columns.count, bool)
    good[row[bad == KEEP]] = True
    reason[good] = KEEP
    left_at: dict[int, list[int]] = {}
    for at in np.flatnonzero((bad != KEEP) & good[row]).tolist():
        left_at.setdefault(int(row[at]), []).append(at)
    why = {row: tuple(reasons[bad[at]] for at in gone) for row, gone in left_at.items()} if reasons else {}
    left_out = {row: tuple(map(int, places.values[gone])) for row, gone in left_at.items()}
    return Judgement(reason, said, left_out, why)


class CaptionLength(ColumnFilter, frozen=True):
    """Leaves out texts of fewer than `least` or more than `most` characters."""

    least: int = 5
    most: int = 1000
    reads: ClassVar = ("text_chars", "text_parts")
    reasons: ClassVar = ("caption_too_short", "caption_too_long", "no_caption")

    def judge_columns(self, columns: Columns) -> Judgement:
        chars = columns.lists("text_chars").values.astype(np.int64)
        bad = np.where(chars < self.least, 0, np.where(chars > self.most, 1, KEEP)).astype(np.int16)
        return texts_that_stay(columns, bad, chars.astype(np.float64), none=2, reasons=self.reasons)


class CleanText(ColumnFilter, frozen=True):
    """Leaves out texts with control characters other than line breaks and tabs: NUL above all."""

    reads: ClassVar = ("text", "text_parts")
    reasons: ClassVar = ("control_characters", "no_caption")

    def judge_columns(self, columns: Columns) -> Judgement:
        control = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
        return _by_text(columns, lambda text: len(control.findall(text)), self.reasons)


class NotBoilerplate(ColumnFilter, frozen=True):
    """Leaves out texts that match one of the patterns: file names, links, calls to click, placeholders."""

    patterns: tuple[str, ...] = BOILERPLATE
    reads: ClassVar = ("text", "text_parts")
    reasons: ClassVar = ("boilerplate", "no_caption")

    def judge_columns(self, columns: Columns) -> Judgement:
        patterns = [re.compile(pattern, re.IGNORECASE) for pattern in self.patterns]
        return _by_text(columns, lambda text: any(pattern.search(text.strip()) for pattern in patterns), self.reasons)


class InLanguage(ColumnFilter, frozen=True):
    """Leaves out texts in none of `languages` (ISO 639-1), where the identifier is at least `share` sure of another.

    Short captions are hard to place, so an unsure word is no ground to drop one.
    """

    languages: tuple[str, ...] = ("en",)
    share: float = 0.9
    reads: ClassVar = ("text_language", "text_language_share", "text_parts")
    reasons: ClassVar = ("other_language", "no_caption")

    def judge_columns(self, columns: Columns) -> Judgement:
        share = columns.lists("text_language_share").values.astype(np.float64)
        other = ~np.isin(columns.lists("text_language").values.astype(str), self.languages)
        bad = np.where(other & (share >= self.share), 0, KEEP).astype(np.int16)
        return texts_that_stay(columns, bad, share, none=1, reasons=self.reasons)


def _by_text(columns: Columns, count: Any, reasons: Sequence[str]) -> Judgement:
    found = np.array([count(text) for text in columns.lists("text").values], np.float64)
    bad = np.where(found > 0, 0, KEEP).astype(np.int16)
    return texts_that_stay(columns, bad, found, none=1, reasons=reasons)
