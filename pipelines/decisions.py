"""Decisions of corpus filters: every living sample's columns are brought together, one pure function decides.

A decision is about one set of shards, so it lies under that set's snapshot: a grown shelf is decided anew. It is
computed from notes that never change, so it can be computed again at any time; it is written only where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from filters.columns import Columns
from filters.corpus import CorpusFilter
from pipelines.facts import Facts
from pipelines.judge import Decisions, Loss, judge
from pipelines.recipe import Keep, Recipe
from pipelines.shelf import Shelf
from pipelines.table import put_if_changed, read_table
from schemas.tables import DECISION


def decision_path(shelf: Shelf, recipe: Recipe, snapshot: str, step: int) -> str:
    """Return where the decision of a step lies."""
    return shelf.path("decisions", recipe.id, snapshot, f"{step:02d}-{recipe.step_name(step)}.parquet")


class Decided:
    """The decisions of a recipe on one set of shards, by shard and step, as far as they have been made."""

    def __init__(self) -> None:
        self._by_shard: dict[str, dict[int, dict[int, Loss]]] = {}
        self._steps: set[int] = set()

    def of(self, shard: str) -> Decisions:
        """Return, for one shard, who lost at each step."""
        found = self._by_shard.get(shard, {})
        return {step: found.get(step, {}) for step in self._steps}

    def add(self, step: int, shard: str, row: int, loss: Loss) -> None:
        self._by_shard.setdefault(shard, {}).setdefault(step, {})[row] = loss

    def decided(self, step: int) -> None:
        """Say that a step has been decided, even where nobody lost."""
        self._steps.add(step)


def read_decisions(shelf: Shelf, recipe: Recipe, snapshot: str, steps: Sequence[int], shard: str) -> Decisions:
    """Return, for one shard, who lost at each of these steps."""
    found: dict[int, Mapping[int, Loss]] = {}
    for step in steps:
        table = read_table(shelf.fs, decision_path(shelf, recipe, snapshot, step))
        mine = table.filter(pc.equal(table["shard"], shard))
        witnesses = mine["witness"].combine_chunks().storage.to_pylist()
        columns = (mine[name].to_pylist() for name in ("row", "reason", "measured"))
        found[step] = {
            row: Loss(reason, measured, witness)
            for row, reason, measured, witness in zip(*columns, witnesses, strict=True)
        }
    return found


def decide(shelf: Shelf, recipe: Recipe, shards: Sequence[str], step: int, decided: Decided) -> dict[str, list[Any]]:
    """Decide one corpus step over the samples that live before it; return the decision's columns, in order of rows.

    `decided` holds the steps before, and gets this one.
    """
    keep = recipe.steps[step]
    assert isinstance(keep, Keep) and isinstance(keep.filter, CorpusFilter)
    names = tuple(dict.fromkeys(("key", *keep.filter.reads)))
    places: list[tuple[str, int]] = []
    gathered: list[Columns] = []
    for shard in shards:
        facts = Facts(shelf, recipe, shard)
        living = judge(recipe, facts, decided.of(shard), np.arange(facts.count), step).living()
        gathered.append(facts.columns(names, living))
        places.extend((shard, row) for row in living.tolist())
    columns = _joined(names, gathered)
    lost = keep.filter.decide(columns)
    keys, reason = columns.array("key"), keep.filter.reasons[0]
    decided.decided(step)
    rows: list[tuple[str, int, str, float, bytes | None]] = []
    for at, witness, measured in zip(lost.rows.tolist(), lost.witnesses.tolist(), lost.measured.tolist(), strict=True):
        key = bytes(keys[witness]).ljust(16, b"\0") if witness >= 0 else None
        shard, row = places[at]
        rows.append((shard, row, reason, measured, key))
        decided.add(step, shard, row, Loss(reason, measured, key))
    rows.sort(key=lambda entry: entry[:2])
    return {column.name: [entry[n] for entry in rows] for n, column in enumerate(DECISION)}


def put_decision(shelf: Shelf, recipe: Recipe, snapshot: str, step: int, columns: Mapping[str, list[Any]]) -> None:
    """Write a decision where it is new or differs."""
    put_if_changed(shelf.fs, decision_path(shelf, recipe, snapshot, step), DECISION, columns)


def _joined(names: Sequence[str], pieces: Sequence[Columns]) -> Columns:
    count = sum(piece.count for piece in pieces)
    return Columns(count, {name: np.concatenate([piece.array(name) for piece in pieces]) for name in names})
