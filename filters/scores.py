"""Judgements over one number: above, below, between. Thresholds and notes compare as float64."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.filter import ColumnFilter, Judgement, dropped_where


class OfOneNote(ColumnFilter, frozen=True):
    """A judgement over one number, a note or a fact."""

    note: str

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.note,)

    @property
    def name(self) -> str:
        return f"{super().name}({self.note})"

    def judge_columns(self, columns: Columns) -> Judgement:
        values = columns.array(self.note).astype(np.float64)
        return dropped_where(~self._passes(values), values)

    def _passes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        raise NotImplementedError


class Above(OfOneNote, frozen=True):
    """Keeps what is strictly above the threshold; NaN goes."""

    threshold: float
    reasons: ClassVar = ("score_too_low",)

    def _passes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return values > self.threshold


class AtLeast(OfOneNote, frozen=True):
    """Keeps the threshold itself and what is above; NaN goes."""

    threshold: float
    reasons: ClassVar = ("score_too_low",)

    def _passes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return values >= self.threshold


class Below(OfOneNote, frozen=True):
    """Keeps what is strictly below the threshold; NaN goes."""

    threshold: float
    reasons: ClassVar = ("score_too_high",)

    def _passes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return values < self.threshold


class AtMost(OfOneNote, frozen=True):
    """Keeps the threshold itself and what is below; NaN goes."""

    threshold: float
    reasons: ClassVar = ("score_too_high",)

    def _passes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return values <= self.threshold


class Between(OfOneNote, frozen=True):
    """Keeps low <= value <= high; NaN goes."""

    low: float
    high: float
    reasons: ClassVar = ("score_outside",)

    def _passes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (values >= self.low) & (values <= self.high)
