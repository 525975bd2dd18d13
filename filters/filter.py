"""What a filter is: a frozen value that judges samples by their notes, and says why.

A whole filter of your own:

    class Bright(Filter, frozen=True):
        low: float = 0.1
        reads: ClassVar = ("brightness",)
        reasons: ClassVar = ("too_dark",)

        def judge(self, notes: Mapping[str, Any]) -> Verdict:
            return Verdict(notes["brightness"] > self.low, "too_dark", notes["brightness"])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from filters.columns import Columns, one_row
from schemas.names import snake_case
from schemas.verdict import Verdict

KEEP = -1


class Judgement(Struct, frozen=True):
    """Verdicts on many samples: the place of the reason among the filter's (KEEP where kept), what was measured, and
    the parts left out of samples that stay, by row, with the reason of each."""

    reason: NDArray[np.int16]
    measured: NDArray[np.float64]
    left_out: dict[int, tuple[int, ...]] = field(default_factory=dict)
    left_out_why: dict[int, tuple[str, ...]] = field(default_factory=dict)


class Filter(Struct, frozen=True):
    """Write `judge`. `reads`: names of notes, or of facts that the door wrote; `reasons`: all that it may give."""

    reads: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The name in verdicts and funnels: the class's, in snake_case."""
        return snake_case(type(self).__name__)

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        """Judge one sample by the values it reads."""
        raise NotImplementedError(f"{type(self).__name__} has no judge()")

    def judge_columns(self, columns: Columns) -> Judgement:
        """Judge many samples; the same verdicts as one by one."""
        reason = np.full(columns.count, KEEP, np.int16)
        measured = np.full(columns.count, np.nan)
        left_out: dict[int, tuple[int, ...]] = {}
        why: dict[int, tuple[str, ...]] = {}
        for row in range(columns.count):
            verdict = self.judge(columns.row(row))
            measured[row] = verdict.measured
            if not verdict.keep:
                reason[row] = self.reasons.index(verdict.reason)
            elif verdict.left_out:
                left_out[row], why[row] = verdict.left_out, verdict.left_out_why
        return Judgement(reason, measured, left_out, why)


class ColumnFilter(Filter, frozen=True):
    """A filter that judges whole columns at once; `judge` is the same on a single row."""

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        found = self.judge_columns(one_row({name: notes[name] for name in self.reads}))
        reason = int(found.reason[0])
        return Verdict(
            reason == KEEP,
            "" if reason == KEEP else self.reasons[reason],
            float(found.measured[0]),
            found.left_out.get(0, ()),
            found.left_out_why.get(0, ()),
        )

    def judge_columns(self, columns: Columns) -> Judgement:
        raise NotImplementedError(f"{type(self).__name__} has no judge_columns()")


def dropped_where(drop: NDArray[np.bool_], measured: NDArray[Any], reason: int = 0) -> Judgement:
    """Return the judgement of a filter that compares one number: dropped for one reason where `drop`."""
    return Judgement(np.where(drop, reason, KEEP).astype(np.int16), measured.astype(np.float64))
