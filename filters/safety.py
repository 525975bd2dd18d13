"""Judgements that keep people safe: texts that say how to reach somebody, pictures that are not for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Filter, Judgement, dropped_where
from filters.text import texts_that_stay
from schemas.verdict import Verdict
from schemas.vocabulary.safety import WATERMARKS


class NoContacts(ColumnFilter, frozen=True):
    """Leaves out texts with more than `most_emails` e-mail addresses or `most_phones` telephone numbers."""

    most_emails: int = 0
    most_phones: int = 0
    reads: ClassVar = ("text_emails", "text_phones", "text_parts")
    reasons: ClassVar = ("holds_email", "holds_phone", "no_caption")

    def judge_columns(self, columns: Columns) -> Judgement:
        emails = columns.lists("text_emails").values.astype(np.int64)
        phones = columns.lists("text_phones").values.astype(np.int64)
        mailed, called = emails > self.most_emails, phones > self.most_phones
        bad = np.where(mailed, 0, np.where(called, 1, KEEP)).astype(np.int16)
        measured = np.where(called & ~mailed, phones, emails).astype(np.float64)
        return texts_that_stay(columns, bad, measured, none=2, reasons=self.reasons)


class MaxNsfw(ColumnFilter, frozen=True):
    """Drops pictures that are likelier than `score` not to be safe for work; NaN goes."""

    score: float = 0.5
    reads: ClassVar = ("nsfw_score",)
    reasons: ClassVar = ("not_safe_for_work",)

    def judge_columns(self, columns: Columns) -> Judgement:
        scores = columns.array("nsfw_score")
        return dropped_where(~(scores <= self.score), scores)


class NoWatermark(Filter, frozen=True):
    """Drops pictures with a mark written over them, for its kind; `allowed` are kinds that may stay."""

    allowed: tuple[str, ...] = ()
    reads: ClassVar = ("watermark",)
    reasons: ClassVar = WATERMARKS

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        mark = str(notes["watermark"])
        return Verdict(True) if not mark or mark in self.allowed else Verdict(False, mark)
