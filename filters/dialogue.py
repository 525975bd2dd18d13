"""Judgements over a whole dialogue or text: nothing is left out of it, since what follows hangs on what was said."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import ColumnFilter, Judgement, dropped_where
from filters.prose import first_broken
from schemas.vocabulary.prose import REPEATED_PLACES, TOP_GRAMS


class HasAnswers(ColumnFilter, frozen=True):
    """Drops what is no dialogue, and dialogues of more answers or longer ones than a model is trained on at once."""

    most: int = 100
    most_chars: int = 200_000
    reads: ClassVar = ("turns", "answer_chars")
    reasons: ClassVar = ("no_answer", "too_many_answers", "answers_too_long")

    def judge_columns(self, columns: Columns) -> Judgement:
        turns, chars = (columns.array(name).astype(np.float64) for name in self.reads)
        return first_broken(
            columns.count, (turns < 1, turns), (turns > self.most, turns), (chars > self.most_chars, chars)
        )


class NoMedia(ColumnFilter, frozen=True):
    """Drops samples with a picture or a clip: what is left is text alone."""

    reads: ClassVar = ("images", "videos")
    reasons: ClassVar = ("has_media",)

    def judge_columns(self, columns: Columns) -> Judgement:
        media = columns.array("images").astype(np.float64) + columns.array("videos")
        return dropped_where(media > 0, media)


class PicturesReadable(ColumnFilter, frozen=True):
    """Drops a dialogue with a picture whose header cannot be read: what is said of it would be said of nothing."""

    reads: ClassVar = ("picture_width_px",)
    reasons: ClassVar = ("unreadable_header",)

    def judge_columns(self, columns: Columns) -> Judgement:
        width_px = columns.lists("picture_width_px")
        unread = np.bincount(width_px.row_of_value(), width_px.within() < 1, columns.count)
        return dropped_where(unread > 0, unread)


class FewControlCharacters(ColumnFilter, frozen=True):
    """Drops samples of whose characters more than `share` are control characters: bytes that were taken for text."""

    share: float = 0.001
    reads: ClassVar = ("control_chars", "text_chars")
    reasons: ClassVar = ("control_characters",)

    def judge_columns(self, columns: Columns) -> Judgement:
        chars = columns.lists("text_chars")
        total = np.bincount(chars.row_of_value(), chars.within().astype(np.float64), columns.count)
        share = columns.array("control_chars") / np.maximum(total, 1)
        return dropped_where(share > self.share, share)


class NotRepeating(ColumnFilter, frozen=True):
    """Drops answers of at least `least_words` words that say more than `share` of their characters again, in runs of
    five words: a model that fell into a loop. Tags of a page and rows of a table come to less."""

    share: float = 0.5
    least_words: int = 50
    reads: ClassVar = ("prose_repeated", "prose_words")
    reasons: ClassVar = ("repeats_itself",)

    def judge_columns(self, columns: Columns) -> Judgement:
        places = columns.lists("prose_repeated").within().astype(np.float64)
        repeated = places.reshape(columns.count, REPEATED_PLACES)[:, _FIVE]
        long = columns.array("prose_words") >= self.least_words
        return dropped_where(long & (repeated > self.share), repeated)


_FIVE = 4 + len(TOP_GRAMS)
"""The place among PROSE_REPEATED of runs of five words said before."""
