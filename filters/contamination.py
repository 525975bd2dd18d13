"""Contamination: samples that hold items of benchmarks go, by what annotators noted of texts and pictures.

A threshold is asked of the notes: `ostraka what-if 'no_benchmark_text.words = 20'` reads no text again.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement, dropped_where
from schemas.benchmark import LONG_WORDS, RUN_SHARE, RUN_WORDS


class NoBenchmarkText(ColumnFilter, frozen=True):
    """Drops samples that share a run of `words` words or more with an item's text and `share` of its words in all runs,
    or `long_words` in one; and those of which a whole text or line is a benchmark's short question: any such question
    to which no picture belongs, else one of at least `pictured_words` words, since "What number is shown?" is that item
    by its picture alone. What is measured is the count of words.
    """

    words: int = RUN_WORDS
    share: float = RUN_SHARE
    long_words: int = LONG_WORDS
    pictured_words: int = 8
    reads: ClassVar = (
        "benchmark_run_words",
        "benchmark_run_share",
        "benchmark_whole_words",
        "benchmark_whole_pictured",
    )
    reasons: ClassVar = ("benchmark_text", "benchmark_question")

    def judge_columns(self, columns: Columns) -> Judgement:
        run, whole = (columns.array(name).astype(np.int64) for name in ("benchmark_run_words", "benchmark_whole_words"))
        pictured = columns.array("benchmark_whole_pictured").astype(bool)
        is_much = columns.array("benchmark_run_share").astype(np.float64) >= self.share
        by_run = (run >= self.words) & (is_much | (run >= self.long_words))
        by_whole = (whole > 0) & (~pictured | (whole >= self.pictured_words))
        reason = np.where(by_run, 0, np.where(by_whole, 1, KEEP)).astype(np.int16)
        return Judgement(reason, np.where(~by_run & by_whole, whole, run).astype(np.float64))


class NoBenchmarkPicture(ColumnFilter, frozen=True):
    """Drops samples with a picture that differs by at most `levels` levels of brightness from a benchmark's, at 32 x 32
    pixels; what is measured is the difference."""

    levels: int = 15
    reads: ClassVar = ("benchmark_picture_bits", "benchmark_picture_levels")
    reasons: ClassVar = ("benchmark_picture",)

    def judge_columns(self, columns: Columns) -> Judgement:
        levels = columns.array("benchmark_picture_levels").astype(np.int64)
        near = columns.array("benchmark_picture_bits").astype(np.int64) < 64
        return dropped_where(near & (levels <= self.levels), levels)


class NoBenchmarkEmbedding(ColumnFilter, frozen=True):
    """Drops samples whose picture's embedding has this cosine or more with a benchmark's, which is what is measured."""

    cosine: float = 0.95
    reads: ClassVar = ("benchmark_cosine",)
    reasons: ClassVar = ("benchmark_alike",)

    def judge_columns(self, columns: Columns) -> Judgement:
        cosine = columns.array("benchmark_cosine").astype(np.float64)
        return dropped_where(cosine >= self.cosine, cosine)
