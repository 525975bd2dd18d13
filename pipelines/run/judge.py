"""Judging a shard: one walk over a recipe's steps, columns in, an outcome per row out.

A row that an annotator has not looked at yet stops there, unknown. That one rule serves three callers: a run
annotates what is unknown until nothing is; verdicts are written when nothing is; what-if reports what stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from filters.corpus import CorpusFilter
from filters.filter import KEEP
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.facts import Facts
from schemas.errors import Unavailable

KEPT, DROPPED, FAILED, UNKNOWN = range(4)
OUTCOMES = ("kept", "dropped", "failed", "unknown")


class Loss(Struct, frozen=True):
    """What a corpus filter said of a sample that goes: why, what was measured, and the key it lost to."""

    reason: str
    measured: float
    witness: bytes | None


class Losses(Struct, frozen=True):
    """What a corpus filter said of one shard's samples that go: their rows, ascending, and the reason's place; and of
    parts that go while their samples stay: those of each row, with the reason and what was measured."""

    row: NDArray[np.int64]
    reasons: tuple[str, ...]
    reason: NDArray[np.int16]
    measured: NDArray[np.float64]
    witness: NDArray[Any]
    has_witness: NDArray[np.bool_]
    parts: Mapping[int, Mapping[int, tuple[str, float]]] = {}

    def of(self, row: int) -> Loss | None:
        """Return what was said of a row, None where it stays."""
        at = int(np.searchsorted(self.row, row))
        if at == len(self.row) or self.row[at] != row:
            return None
        witness = self.witness[at : at + 1].tobytes() if self.has_witness[at] else None
        return Loss(self.reasons[self.reason[at]], float(self.measured[at]), witness)


Decisions = Mapping[int, Losses]


class Judged(Struct):
    """Outcome and deciding step of each row judged, the reason's place among `reasons`, what was measured, the witness,
    and the parts left out, each with its reason (empty where none was told)."""

    rows: NDArray[np.int64]
    outcome: NDArray[np.uint8]
    step: NDArray[np.uint8]
    reason: NDArray[np.int16]
    measured: NDArray[np.float64]
    witness: NDArray[Any]
    has_witness: NDArray[np.bool_]
    reasons: list[str]
    left_out: dict[int, tuple[int, ...]] = field(default_factory=dict)
    left_out_why: dict[int, dict[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: NDArray[np.int64]) -> Judged:
        """Return rows of which nothing was said yet: they all live."""
        count = len(rows)
        return cls(
            rows,
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint8),
            np.zeros(count, np.int16),
            np.full(count, np.nan),
            np.zeros(count, "S16"),
            np.zeros(count, np.bool_),
            [""],
        )

    def why(self, at: int) -> str:
        """Return the reason of the row at this place, empty where it has none."""
        return self.reasons[int(self.reason[at])]

    def waiting(self) -> NDArray[np.int64]:
        """Return the rows that wait for an annotator."""
        rows: NDArray[np.int64] = self.rows[self.outcome == UNKNOWN]
        return rows

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
        self.judged_rows = Judged.of(rows)

    def _living(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.judged_rows.outcome == KEPT)

    def _end(self, at: NDArray[np.int64], outcome: int, step: int) -> None:
        self.judged_rows.outcome[at] = outcome
        self.judged_rows.step[at] = step

    def _codes(self, reasons: Iterable[str]) -> NDArray[np.int16]:
        """Return the places of these reasons among all, new ones put last."""
        known = self.judged_rows.reasons
        found = []
        for reason in reasons:
            if reason not in known:
                known.append(reason)
            found.append(known.index(reason))
        return np.array(found, np.int16)

    def _failed(self, at: NDArray[np.int64], step: int, reasons: Mapping[int, str]) -> None:
        self._end(at, FAILED, step)
        self.judged_rows.reason[at] = self._codes(reasons[row] for row in self.judged_rows.rows[at].tolist())

    def door(self) -> None:
        failed = np.fromiter(self._facts.failed_at_door, np.int64, len(self._facts.failed_at_door))
        self._failed(np.flatnonzero(np.isin(self.judged_rows.rows, failed)), 0, self._facts.failed_at_door)

    def annotated(self, place: int) -> None:
        notes, living = self._facts.notes[place], self._living()
        rows = self.judged_rows.rows[living]
        failed = notes.failed[rows]
        self._failed(living[failed], place, notes.reasons)
        self._end(living[~failed & ~notes.noted[rows]], UNKNOWN, place)

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
        gone = np.flatnonzero(found.reason != KEEP)
        self._dropped(living[gone], place, judging.reasons, found.reason[gone], found.measured[gone])
        for index, places in found.left_out.items():
            why = found.left_out_why.get(index) or ("",) * len(places)
            self._left_out(int(self.judged_rows.rows[living[index]]), dict(zip(places, why, strict=True)))

    def _left_out(self, row: int, why: Mapping[int, str]) -> None:
        """Leave parts of a row out, each for its reason; one that went before keeps its own."""
        told = {**why, **self.judged_rows.left_out_why.get(row, {})}
        self.judged_rows.left_out_why[row] = told
        self.judged_rows.left_out[row] = tuple(sorted(told))

    def decided(self, place: int, lost: Losses) -> None:
        living = self._living()
        rows = self.judged_rows.rows[living]
        for row in lost.parts.keys() & {*rows.tolist()} if lost.parts else ():
            self._left_out(row, {part: why for part, (why, _) in lost.parts[row].items()})
        if not len(lost.row):
            return
        found = np.minimum(np.searchsorted(lost.row, rows), len(lost.row) - 1)
        gone = lost.row[found] == rows
        at, found = living[gone], found[gone]
        self._dropped(at, place, lost.reasons, lost.reason[found], lost.measured[found])
        self.judged_rows.witness[at] = lost.witness[found]
        self.judged_rows.has_witness[at] = lost.has_witness[found]

    def _dropped(
        self,
        at: NDArray[np.int64],
        place: int,
        reasons: tuple[str, ...],
        reason: NDArray[np.int16],
        measured: NDArray[np.float64],
    ) -> None:
        if not len(at):
            return
        self._end(at, DROPPED, place)
        self.judged_rows.reason[at] = self._codes(reasons)[reason]
        self.judged_rows.measured[at] = measured
