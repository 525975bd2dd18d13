"""Decisions of corpus filters: every living sample's columns are brought together, one pure function decides.

A decision is about one set of shards, so it lies under that set's snapshot: a grown shelf is decided anew. It is
computed from notes that never change, so it can be computed again at any time; it is written only where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import CorpusFilter
from pipelines.facts import Facts
from pipelines.judge import Decisions, Loss, judge
from pipelines.recipe import Keep, Recipe
from pipelines.shelf import Shelf
from pipelines.table import put_if_changed
from schemas.errors import Unavailable
from schemas.tables import DECISION


def decision_path(shelf: Shelf, recipe: Recipe, snapshot: str, step: int) -> str:
    """Return where the decision of a step lies."""
    return shelf.path("decisions", recipe.id, snapshot, f"{step:02d}-{recipe.step_name(step)}.parquet")


class _Decision(Struct, frozen=True):
    """Who lost at one step: places among all samples gathered, ascending, what was measured, and to whom."""

    reason: str
    shard: NDArray[np.int32]
    row: NDArray[np.int64]
    measured: NDArray[np.float64]
    witness: NDArray[np.bytes_]
    has_witness: NDArray[np.bool_]


class Decided:
    """The decisions of a recipe on one set of shards, as far as they have been made: some 40 bytes a sample lost."""

    def __init__(self) -> None:
        self._steps: dict[int, tuple[dict[str, int], _Decision]] = {}

    def of(self, shard: str) -> Decisions:
        """Return, for one shard, who lost at each step."""
        return {step: _losses(decision, places.get(shard, -1)) for step, (places, decision) in self._steps.items()}

    def add(self, step: int, shards: Sequence[str], decision: _Decision) -> None:
        """Keep the decision of a step on these shards."""
        self._steps[step] = {shard: place for place, shard in enumerate(shards)}, decision


def _losses(decision: _Decision, shard: int) -> dict[int, Loss]:
    first, end = np.searchsorted(decision.shard, [shard, shard + 1])
    return {
        int(decision.row[at]): Loss(
            decision.reason,
            float(decision.measured[at]),
            decision.witness[at].ljust(16, b"\0") if decision.has_witness[at] else None,
        )
        for at in range(first, end)
    }


def read_decisions(shelf: Shelf, recipe: Recipe, snapshot: str, steps: Sequence[int], shard: str) -> Decisions:
    """Return, for one shard, who lost at each of these steps."""
    found: dict[int, Mapping[int, Loss]] = {}
    for step in steps:
        mine = _rows_of(shelf, decision_path(shelf, recipe, snapshot, step), shard)
        witnesses = mine["witness"].combine_chunks().storage.to_pylist()
        columns = (mine[name].to_pylist() for name in ("row", "reason", "measured"))
        found[step] = {
            row: Loss(reason, measured, witness)
            for row, reason, measured, witness in zip(*columns, witnesses, strict=True)
        }
    return found


def _rows_of(shelf: Shelf, path: str, shard: str) -> pa.Table:
    """Read one shard's rows of a decision, which are sorted by shard: the row groups that hold it, no others."""
    try:
        with shelf.fs.open(path, "rb") as file:
            parquet = pq.ParquetFile(file)
            bounds = [parquet.metadata.row_group(n).column(0).statistics for n in range(parquet.num_row_groups)]
            groups = [n for n, bound in enumerate(bounds) if not bound or bound.min <= shard <= bound.max]
            table = parquet.read_row_groups(groups)
    except (pa.ArrowException, OSError) as error:
        raise Unavailable(f"the table cannot be read ({error})", where=path) from error
    return table.filter(pc.equal(table["shard"], shard))


def decide(shelf: Shelf, recipe: Recipe, shards: Sequence[str], step: int, decided: Decided) -> dict[str, pa.Array]:
    """Decide one corpus step over the samples that live before it; return the decision's columns, in order of rows.

    `decided` holds the steps before, and gets this one. Memory grows with the samples that live: the columns that the
    filter reads, the key, and 12 bytes each.
    """
    keep = recipe.steps[step]
    assert isinstance(keep, Keep) and isinstance(keep.filter, CorpusFilter)
    names = tuple(dict.fromkeys(("key", *keep.filter.reads)))
    rows: list[NDArray[np.int64]] = []
    gathered: list[Columns] = []
    for shard in shards:
        facts = Facts(shelf, recipe, shard)
        rows.append(judge(recipe, facts, decided.of(shard), np.arange(facts.count), step).living())
        gathered.append(facts.columns(names, rows[-1]))
    columns = _joined(names, gathered)
    lost = keep.filter.decide(columns)
    order = np.argsort(lost.rows, kind="stable")
    at, witness = lost.rows[order], lost.witnesses[order]
    decision = _Decision(
        keep.filter.reasons[0],
        np.repeat(np.arange(len(shards), dtype=np.int32), [len(living) for living in rows])[at],
        np.concatenate(rows)[at],
        lost.measured[order],
        columns.array("key")[witness],
        witness >= 0,
    )
    decided.add(step, shards, decision)
    return _table_columns(shards, decision)


def _table_columns(shards: Sequence[str], decision: _Decision) -> dict[str, pa.Array]:
    count = len(decision.row)
    witness = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), count, [None, pa.py_buffer(np.ascontiguousarray(decision.witness))]
    )
    nobody = pa.nulls(count, pa.binary(16))
    values = (
        pa.DictionaryArray.from_arrays(pa.array(decision.shard), pa.array(shards, pa.string())),
        pa.array(decision.row),
        pa.repeat(decision.reason, count),
        pa.array(decision.measured),
        pa.ExtensionArray.from_storage(pa.uuid(), pc.if_else(pa.array(decision.has_witness), witness, nobody)),
    )
    return {column.name: value for column, value in zip(DECISION, values, strict=True)}


def put_decision(shelf: Shelf, recipe: Recipe, snapshot: str, step: int, columns: Mapping[str, Any]) -> None:
    """Write a decision where it is new or differs."""
    put_if_changed(shelf.fs, decision_path(shelf, recipe, snapshot, step), DECISION, columns)


def _joined(names: Sequence[str], pieces: Sequence[Columns]) -> Columns:
    count = sum(piece.count for piece in pieces)
    return Columns(count, {name: np.concatenate([piece.array(name) for piece in pieces]) for name in names})
