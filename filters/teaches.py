"""Judgements over the answers of one group: what was paid alike teaches nothing."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement


class Teaches(ColumnFilter, frozen=True):
    """Keeps groups whose rewards differ; the others by what all of their answers were paid, in full, nothing or alike.

    Measured is the highest reward less the lowest.
    """

    reads: ClassVar = ("rollout_rewards",)
    reasons: ClassVar = ("all_paid", "none_paid", "paid_alike")

    def judge_columns(self, columns: Columns) -> Judgement:
        rewards = columns.lists("rollout_rewards")
        rows = [rewards.row(row).astype(np.float64) for row in range(columns.count)]
        low, high = (np.array([end(row) for row in rows]) for end in (np.min, np.max))
        reason = np.select([low < high, low >= 1, high == 0], [KEEP, 0, 1], 2)
        return Judgement(reason.astype(np.int16), high - low)
