"""Judgements over prose: the rules of Gopher (Rae et al. 2021, appendix A.1) and of C4 (Raffel et al. 2020).

What is compared was measured and noted (annotators/prose.py), so a threshold is a question. A sample stays or goes
whole; nothing is cut out of a text, as C4 does with the lines that break its rules.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement
from schemas.vocabulary.prose import DUPLICATE_GRAMS, TOP_GRAMS


class GopherQuality(ColumnFilter, frozen=True):
    """Gopher's rules of quality, in their order: so many words, of such a length, few hashes and ellipses, not all
    lines bullets or broken off, most words with a letter in them, and two of eight English stop words at least."""

    least_words: int = 50
    most_words: int = 100_000
    least_word_chars: float = 3.0
    most_word_chars: float = 10.0
    most_symbols: float = 0.1
    most_bullets: float = 0.9
    most_ellipsis_lines: float = 0.3
    least_alphabetic: float = 0.8
    least_stop_words: int = 2

    reads: ClassVar = (
        "prose_words",
        "prose_word_chars",
        "prose_hashes",
        "prose_ellipses",
        "prose_bullets",
        "prose_ellipsis_lines",
        "prose_alphabetic",
        "prose_stop_words",
    )
    reasons: ClassVar = (
        "too_few_words",
        "too_many_words",
        "short_words",
        "long_words",
        "too_many_hashes",
        "too_many_ellipses",
        "too_many_bullets",
        "too_many_broken_lines",
        "too_few_letters",
        "too_few_stop_words",
    )

    def judge_columns(self, columns: Columns) -> Judgement:
        (words, chars, hashes, ellipses, bullets, broken, letters, stops) = (
            columns.array(name).astype(np.float64) for name in self.reads
        )
        return first_broken(
            columns.count,
            (words < self.least_words, words),
            (words > self.most_words, words),
            (chars < self.least_word_chars, chars),
            (chars > self.most_word_chars, chars),
            (hashes > self.most_symbols, hashes),
            (ellipses > self.most_symbols, ellipses),
            (bullets > self.most_bullets, bullets),
            (broken > self.most_ellipsis_lines, broken),
            (letters < self.least_alphabetic, letters),
            (stops < self.least_stop_words, stops),
        )


class GopherRepetition(ColumnFilter, frozen=True):
    """Gopher's rules of repetition: shares of lines and paragraphs that stood there before, by count and by characters,
    of the most frequent run of 2 to 4 words, and of runs of 5 to 10 words that stood there before.

    The defaults are those of its table A1. Raises ValueError where not every run of words has its share.
    """

    most_lines: float = 0.3
    most_paragraphs: float = 0.3
    most_line_chars: float = 0.2
    most_paragraph_chars: float = 0.2
    most_top_grams: tuple[float, ...] = (0.2, 0.18, 0.16)
    most_duplicate_grams: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.1)

    reads: ClassVar = ("prose_repeated",)
    reasons: ClassVar = (
        "repeated_lines",
        "repeated_paragraphs",
        "repeated_line_chars",
        "repeated_paragraph_chars",
        *(f"frequent_{n}_words" for n in TOP_GRAMS),
        *(f"repeated_{n}_words" for n in DUPLICATE_GRAMS),
    )

    def __post_init__(self) -> None:
        if (len(self.most_top_grams), len(self.most_duplicate_grams)) != (len(TOP_GRAMS), len(DUPLICATE_GRAMS)):
            raise ValueError(f"give a share for each of {TOP_GRAMS} and of {DUPLICATE_GRAMS} words")

    def judge_columns(self, columns: Columns) -> Judgement:
        most = (
            self.most_lines,
            self.most_paragraphs,
            self.most_line_chars,
            self.most_paragraph_chars,
            *self.most_top_grams,
            *self.most_duplicate_grams,
        )
        repeated = columns.lists("prose_repeated").within().astype(np.float64).reshape(columns.count, len(most))
        return first_broken(
            columns.count, *((repeated[:, at] > limit, repeated[:, at]) for at, limit in enumerate(most))
        )


class C4Quality(ColumnFilter, frozen=True):
    """C4's rules: no lorem ipsum and no curly bracket on a line that is a sentence by its looks, and at least so many
    sentences on lines that C4 keeps; `least_line_share` of the characters must stand on these, which C4 does not ask
    since it cuts the others out."""

    least_sentences: int = 5
    least_line_share: float = 0.0
    reads: ClassVar = ("c4_banned", "c4_sentences", "c4_line_share")
    reasons: ClassVar = ("lorem_ipsum", "curly_bracket", "too_few_sentences", "too_few_whole_lines")

    def judge_columns(self, columns: Columns) -> Judgement:
        banned = columns.array("c4_banned").astype(str)
        sentences = columns.array("c4_sentences").astype(np.float64)
        share = columns.array("c4_line_share").astype(np.float64)
        none = np.full(columns.count, np.nan)
        return first_broken(
            columns.count,
            (banned == "lorem_ipsum", none),
            (banned == "curly_bracket", none),
            (sentences < self.least_sentences, sentences),
            (share < self.least_line_share, share),
        )


def first_broken(count: int, *rules: tuple[NDArray[np.bool_], NDArray[np.float64]]) -> Judgement:
    """Return the judgement of rules in order, each with who breaks it and what was measured: the first one counts."""
    reason, measured = np.full(count, KEEP, np.int16), np.full(count, np.nan)
    for place, (breaks, values) in enumerate(rules):
        first = breaks & (reason == KEEP)
        reason[first], measured[first] = place, values[first]
    return Judgement(reason, measured)
