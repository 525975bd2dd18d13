"""Judging a shard: one walk over a recipe's steps, columns in, an outcome per row out.

A row that an annotator has not looked at yet stops there, unknown. That one rule serves three callers: a run
annotates what is unknown until nothing is; verdicts are written when nothing is; what-if reports what stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from filters.corpus import CorpusFilter
from filters.filter import KEEP
from pipelines.facts import Facts
from pipelines.recipe import Annotate, Recipe
from schemas.errors import Unavailable

KEPT, DROPPED, FAILED, UNKNOWN = range(4)
OUTCOMES = ("kept", "dropped", "failed", "unknown")

Decisions = Mapping[int, Mapping[int, "Loss"]]


class Loss(Struct, frozen=True):
    """What a corpus filter said of a sample that goes: why, what was measured, and the key it lost to."""

    reason: str
    measured: float
    witness: bytes | None


class Judged(Struct):
    """Outcome and deciding step of each row judged, why, what was measured, the witness, and the parts left out."""

    rows: NDArray[np.int64]
    outcome: NDArray[np.uint8]
    step: NDArray[np.uint8]
    reason: list[str]
    measured: NDArray[np.float64]
    witness: list[bytes | None]
    left_out: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def unknown_at(self, step: int) -> list[int]:
        """Return the rows that wait for the annotator of this step."""
        waiting: list[int] = self.rows[(self.outcome == UNKNOWN) & (self.step == step)].tolist()
        return waiting

    def failed_at(self, step: int) -> list[int]:
        """Return the living rows that failed at this step; at step 0 those of the door are among them."""
        failed: list[int] = self.rows[(self.outcome == FAILED) & (self.step == step)].tolist()
        return failed

    def living(self) -> NDArray[np.int64]:
        """Return the rows that passed every step."""
        rows: NDArray[np.int64] = self.rows[self.outcome == KEPT]
        return rows


def judge(recipe: Recipe, facts: Facts, decisions: Decisions, rows: NDArray[np.int64], until: int) -> Judged:
    """Walk the steps before `until` over these rows of a shard; `decisions` holds, by step, who lost and to whom."""
    walk = _Walk(recipe, facts, rows)
    walk.door()
    for place, step in enumerate(recipe.steps[:until]):
        if isinstance(step, Annotate):
            walk.annotated(place)
        elif isinstance(step.filter, CorpusFilter):
            walk.decided(place, decisions[place])
        else:
            walk.judged(place, step.filter)
    walk.judged_rows.step[walk.judged_rows.outcome == KEPT] = until
    return walk.judged_rows


class _Walk:
    """The state of one walk: which rows still live, and what became of the others."""

    def __init__(self, recipe: Recipe, facts: Facts, rows: NDArray[np.int64]) -> None:
        self._recipe, self._facts = recipe, facts
        count = len(rows)
        self.judged_rows = Judged(
            rows,
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint8),
            [""] * count,
            np.full(count, np.nan),
            [None] * count,
        )

    def _living(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.judged_rows.outcome == KEPT)

    def _end(self, at: int, outcome: int, step: int, reason: str) -> None:
        self.judged_rows.outcome[at] = outcome
        self.judged_rows.step[at] = step
        self.judged_rows.reason[at] = reason

    def door(self) -> None:
        for at in self._living().tolist():
            if reason := self._facts.failed_at_door[self.judged_rows.rows[at]]:
                self._end(at, FAILED, 0, reason)

    def annotated(self, place: int) -> None:
        notes = self._facts.notes[place]
        for at in self._living().tolist():
            row = int(self.judged_rows.rows[at])
            if reason := notes.failed.get(row):
                self._end(at, FAILED, place, reason)
            elif row not in notes.values:
                self._end(at, UNKNOWN, place, "")

    def judged(self, place: int, judging: Any) -> None:
        living = self._living()
        try:
            rows, left_out = self.judged_rows.rows[living], self.judged_rows.left_out
            found = judging.judge_columns(self._facts.columns(judging.reads, rows, left_out))
        except Exception as error:
            raise Unavailable(
                f"{type(error).__name__}: {error}",
                where=f"filter {judging.name}, shard {self._facts.shard}",
                remedy="a filter judges every sample that reaches it",
            ) from error
        for index in np.flatnonzero(found.reason != KEEP).tolist():
            self._end(int(living[index]), DROPPED, place, judging.reasons[found.reason[index]])
            self.judged_rows.measured[living[index]] = found.measured[index]
        for index, places in found.left_out.items():
            row = int(self.judged_rows.rows[living[index]])
            self.judged_rows.left_out[row] = tuple(sorted({*self.judged_rows.left_out.get(row, ()), *places}))

    def decided(self, place: int, lost: Mapping[int, Loss]) -> None:
        for at in self._living().tolist():
            if loss := lost.get(int(self.judged_rows.rows[at])):
                self._end(at, DROPPED, place, loss.reason)
                self.judged_rows.measured[at] = loss.measured
                self.judged_rows.witness[at] = loss.witness
