"""Judgements over the pictures of a document: one that is no part of it is left out, and the rest stays in its order.

A document goes when no picture is left: what is then of worth in it is a text, which other recipes judge. All that they
read are lists of a value per picture, without those that went before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement, dropped_where
from filters.text import parts_that_stay, texts_that_stay


class NoIcons(ColumnFilter, frozen=True):
    """Leaves out pictures whose longer side, which is what is measured, is at most `px`."""

    px: int = 64
    reads: ClassVar = ("picture_width_px", "picture_height_px", "picture_part")
    reasons: ClassVar = ("icon", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        width, height = (columns.lists(name).values.astype(np.float64) for name in self.reads[:2])
        longer = np.maximum(width, height)
        return _left_out(columns, longer <= self.px, longer, self.reasons)


class NoLoneAlts(ColumnFilter, frozen=True):
    """Leaves out alternative texts that no picture stands before: it was left out, or it could not be had.

    What is measured is how many a document has. It stands behind the steps that leave pictures out.
    """

    reads: ClassVar = ("text_role", "text_parts", "picture_part")
    reasons: ClassVar = ("alt_without_picture", "no_text")

    def judge_columns(self, columns: Columns) -> Judgement:
        texts, pictures = columns.lists("text_parts"), columns.lists("picture_part")
        before = _numbered(texts.row_of_value(), texts.within()) - 1
        shown = np.isin(before, _numbered(pictures.row_of_value(), pictures.within()))
        lone = (columns.lists("text_role").within() == "alt") & ~shown
        count = np.bincount(texts.row_of_value(), lone, columns.count).astype(np.float64)
        bad = np.where(lone, 0, KEEP).astype(np.int16)
        return texts_that_stay(columns, bad, count[texts.row_of_value()], none=1, reasons=self.reasons)


def _numbered(rows: NDArray[np.int64], places: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return a number for each part of each row; neighbours' numbers differ by one."""
    return rows * _MOST_PARTS + places.astype(np.int64) + 1


_MOST_PARTS = 1 << 20


class NoQrCodes(ColumnFilter, frozen=True):
    """Leaves out pictures in which a QR code was read that takes at least `share` of the area, which is what is
    measured; a street with a small code on a wall stays."""

    share: float = 0.05
    reads: ClassVar = ("picture_qr_share", "picture_part")
    reasons: ClassVar = ("qr_code", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        share = columns.lists("picture_qr_share").values.astype(np.float64)
        return _left_out(columns, (share > 0) & (share >= self.share), share, self.reasons)


class NoAdvertisements(ColumnFilter, frozen=True):
    """Leaves out pictures with one of the `sure` signals of an advertisement, or with `least` of any kind; what is
    measured is how many there are."""

    sure: tuple[str, ...] = ("ad_server", "ad_words")
    least: int = 2
    reads: ClassVar = ("picture_ad_signals", "picture_part")
    reasons: ClassVar = ("advertisement", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        signals = [said.split() for said in columns.lists("picture_ad_signals").values]
        bad = np.array([len(said) >= self.least or any(one in self.sure for one in said) for said in signals], bool)
        count = np.array([len(said) for said in signals], np.float64)
        return _left_out(columns, bad, count, self.reasons)


class RelevantPictures(ColumnFilter, frozen=True):
    """Leaves out pictures whose CLIP score with the text around them is not above `score`; NaN goes: no text is there.

    The reference's threshold for documents is not known (section A.2), and one belongs to its model: look at the
    scores of the corpus first.
    """

    score: float = 0.2
    reads: ClassVar = ("picture_clip_score", "picture_part")
    reasons: ClassVar = ("irrelevant_picture", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        score = columns.lists("picture_clip_score").values.astype(np.float64)
        return _left_out(columns, ~(score > self.score), score, self.reasons)


class NotAlbum(ColumnFilter, frozen=True):
    """Drops documents of at least `pictures` pictures with fewer than `words` words to each, which is what is measured:
    albums, galleries, catalogues."""

    pictures: int = 4
    words: float = 20.0
    reads: ClassVar = ("text_words", "picture_part")
    reasons: ClassVar = ("album",)

    def judge_columns(self, columns: Columns) -> Judgement:
        texts, places = columns.lists("text_words"), columns.lists("picture_part")
        words = np.bincount(texts.row_of_value(), texts.values.astype(np.float64), columns.count)
        pictures = np.diff(places.offsets)
        each = np.where(pictures > 0, words / np.maximum(pictures, 1), np.nan)
        return dropped_where((pictures >= self.pictures) & (each < self.words), each)


class FavourKnowledge(ColumnFilter, frozen=True):
    """Keeps every document with a picture of a knowledge value of at least `value`, and of the others the `share` that
    a keyed draw takes: charts, diagrams, schematics and maps come first. What is measured is the greatest value, NaN
    where there is no picture.
    """

    value: float = 0.5
    share: float = 0.5
    seed: str = "knowledge"
    reads: ClassVar = ("key", "picture_knowledge")
    reasons: ClassVar = ("little_knowledge",)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be from 0 to 1, not {self.share}")

    def judge_columns(self, columns: Columns) -> Judgement:
        from filters.draws import draws

        values = columns.lists("picture_knowledge")
        greatest = np.full(columns.count, -np.inf)
        np.fmax.at(greatest, values.row_of_value(), values.values.astype(np.float64))
        drawn = (draws(columns.array("key"), self.seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        rich = greatest >= self.value
        return dropped_where(~rich & (drawn >= self.share), np.where(np.isinf(greatest), np.nan, greatest))


def _left_out(
    columns: Columns, bad: NDArray[np.bool_], measured: NDArray[np.float64], reasons: Sequence[str]
) -> Judgement:
    reason = np.where(bad, 0, KEEP).astype(np.int16)
    return parts_that_stay(columns, "picture_part", reason, measured, none=1, reasons=reasons)
