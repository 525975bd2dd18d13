"""Judgements over recaptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from filters.filter import Filter
from schemas.verdict import Verdict
from schemas.vocabulary.captions import ORIGINAL_STANDS, REWRITTEN


class Rewritten(Filter, frozen=True):
    """Keeps samples whose caption was rewritten; the others go for the reason for which the original would stand."""

    reads: ClassVar = ("recaption_status",)
    reasons: ClassVar = ORIGINAL_STANDS

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        status = str(notes["recaption_status"])
        return Verdict(status == REWRITTEN, "" if status == REWRITTEN else status)
