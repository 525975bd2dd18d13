"""Judgements over the pictures of a document: a bad one is left out, and the rest stays in its order.

A document goes only when it has lost all of its pictures and has no text besides. Each filter has one reason, which a
left-out part carries. All that they read are lists of a value per picture, without those that went before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement, dropped_where


def pictures_that_stay(
    columns: Columns, bad: NDArray[np.bool_], measured: NDArray[np.float64], reasons: Sequence[str]
) -> Judgement:
    """Turn a word on each picture into verdicts; what is measured of a document is its first bad picture's number."""
    places, texts = columns.lists("picture_parts"), columns.array("texts")
    row, parts = places.row_of_value(), places.within()
    reason, said = np.full(columns.count, KEEP, np.int16), np.full(columns.count, np.nan)
    hit = np.flatnonzero(bad)
    some, first = np.unique(row[hit], return_index=True)
    said[some] = measured[hit[first]]
    lost = np.bincount(row[hit], minlength=columns.count)
    reason[(lost > 0) & (lost == np.diff(places.offsets)) & (texts == 0)] = 0
    left_out: dict[int, tuple[int, ...]] = {}
    for at in hit[reason[row[hit]] == KEEP].tolist():
        left_out[int(row[at])] = (*left_out.get(int(row[at]), ()), int(parts[at]))
    return Judgement(reason, said, left_out, {at: (reasons[0],) * len(gone) for at, gone in left_out.items()})


class ReadablePictures(ColumnFilter, frozen=True):
    """Leaves out pictures whose header cannot be read."""

    reads: ClassVar = ("picture_problem", "picture_parts", "texts")
    reasons: ClassVar = ("unreadable_picture",)

    def judge_columns(self, columns: Columns) -> Judgement:
        bad = columns.lists("picture_problem").within().astype(str) != ""
        return pictures_that_stay(columns, bad, np.full(len(bad), np.nan), self.reasons)


class NoIcons(ColumnFilter, frozen=True):
    """Leaves out pictures whose longer side is at most `longer_px` or whose shorter one is under `shorter_px`: icons,
    bullets, rules between paragraphs. What is measured is the longer side."""

    longer_px: int = 64
    shorter_px: int = 28
    reads: ClassVar = ("picture_width_px", "picture_height_px", "picture_parts", "texts")
    reasons: ClassVar = ("icon",)

    def judge_columns(self, columns: Columns) -> Judgement:
        width, height = (columns.lists(name).within().astype(np.float64) for name in self.reads[:2])
        longer, shorter = np.maximum(width, height), np.minimum(width, height)
        return pictures_that_stay(
            columns, (longer <= self.longer_px) | (shorter < self.shorter_px), longer, self.reasons
        )


class NoQrCodes(ColumnFilter, frozen=True):
    """Leaves out pictures in which a QR code was read that takes at least `share` of the area, which is what is
    measured; a street with a small code on a wall stays."""

    share: float = 0.05
    reads: ClassVar = ("picture_qr_share", "picture_parts", "texts")
    reasons: ClassVar = ("qr_code",)

    def judge_columns(self, columns: Columns) -> Judgement:
        share = columns.lists("picture_qr_share").within().astype(np.float64)
        return pictures_that_stay(columns, (share > 0) & (share >= self.share), share, self.reasons)


class NoAdvertisements(ColumnFilter, frozen=True):
    """Leaves out pictures with one of the `sure` signals of an advertisement, or with `least` of any kind; what is
    measured is how many there are."""

    sure: tuple[str, ...] = ("ad_server", "ad_words")
    least: int = 2
    reads: ClassVar = ("picture_ad_signals", "picture_parts", "texts")
    reasons: ClassVar = ("advertisement",)

    def judge_columns(self, columns: Columns) -> Judgement:
        signals = [said.split() for said in columns.lists("picture_ad_signals").within()]
        bad = np.array([len(said) >= self.least or any(one in self.sure for one in said) for said in signals], bool)
        count = np.array([len(said) for said in signals], np.float64)
        return pictures_that_stay(columns, bad, count, self.reasons)


class RelevantPictures(ColumnFilter, frozen=True):
    """Leaves out pictures whose CLIP score with the text around them is not above `score`; NaN goes: no text is there.

    The reference's threshold for documents is not known (section A.2), and one belongs to its model: look at the
    scores of the corpus first.
    """

    score: float = 0.2
    reads: ClassVar = ("picture_clip_score", "picture_parts", "texts")
    reasons: ClassVar = ("irrelevant_picture",)

    def judge_columns(self, columns: Columns) -> Judgement:
        score = columns.lists("picture_clip_score").within().astype(np.float64)
        return pictures_that_stay(columns, ~(score > self.score), score, self.reasons)


class NotAlbum(ColumnFilter, frozen=True):
    """Drops documents of at least `pictures` pictures with fewer than `words` words to each, which is what is measured:
    albums, galleries, catalogues."""

    pictures: int = 4
    words: float = 20.0
    reads: ClassVar = ("text_words", "picture_parts")
    reasons: ClassVar = ("album",)

    def judge_columns(self, columns: Columns) -> Judgement:
        texts, places = columns.lists("text_words"), columns.lists("picture_parts")
        words = np.bincount(texts.row_of_value(), texts.within().astype(np.float64), columns.count)
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
        np.fmax.at(greatest, values.row_of_value(), values.within().astype(np.float64))
        drawn = (draws(columns.array("key"), self.seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        rich = greatest >= self.value
        return dropped_where(~rich & (drawn >= self.share), np.where(np.isinf(greatest), np.nan, greatest))
