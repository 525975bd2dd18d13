"""Judgements that keep people safe: texts that say how to reach somebody are left out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement
from filters.text import texts_that_stay


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
        return texts_that_stay(columns, bad, measured, none=2)
