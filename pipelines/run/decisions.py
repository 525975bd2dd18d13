"""Decisions of corpus filters: who lost at one step, as it is held and as it lies on the shelf.

A decision is about one set of shards, so it lies under that set's snapshot: a grown shelf is decided anew. It is
computed from notes that never change, so it can be computed again at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from numpy.typing import NDArray

from filters.corpus import WHOLE
from pipelines.recipes.recipe import Recipe
from pipelines.run.judge import Decisions, Losses
from pipelines.shelf.arrow_columns import fixed_16, flat, uuids
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import open_table, put_table
from schemas.tables import COUNTS, DECISION


class Decision(Struct, frozen=True):
    """Who lost at one step, ordered by shard and row: the reason's place, what was measured, and to whom."""

    reasons: tuple[str, ...]
    shard: NDArray[np.int32]
    row: NDArray[np.int64]
    reason: NDArray[np.int16]
    measured: NDArray[np.float64]
    witness: NDArray[Any]
    has_witness: NDArray[np.bool_]
    part: NDArray[np.int64]

    def of(self, shard: int) -> Losses:
        """Return what was said of one shard's rows."""
        first, end = np.searchsorted(self.shard, np.array([shard, shard + 1], self.shard.dtype))
        here = slice(int(first), int(end))
        whole = Losses(
            self.row[here],
            self.reasons,
            self.reason[here],
            self.measured[here],
            self.witness[here],
            self.has_witness[here],
        )
        return _with_parts(whole, self.part[here])


def _with_parts(said: Losses, part: NDArray[np.int64]) -> Losses:
    """Return losses of which some are of parts as those of samples and those of parts."""
    of_part = part != WHOLE
    if not of_part.any():
        return said
    parts = dict[int, dict[int, tuple[str, float]]]()
    for at in np.flatnonzero(of_part).tolist():
        told = said.reasons[said.reason[at]], float(said.measured[at])
        parts.setdefault(int(said.row[at]), {})[int(part[at])] = told
    stay = ~of_part
    return Losses(
        said.row[stay],
        said.reasons,
        said.reason[stay],
        said.measured[stay],
        said.witness[stay],
        said.has_witness[stay],
        parts,
    )


class Decided:
    """The decisions of a recipe on one set of shards, as far as they have been made: some 40 bytes a sample lost."""

    def __init__(self, shards: Sequence[str]) -> None:
        self._place = {shard: place for place, shard in enumerate(shards)}
        self._steps: dict[int, Decision] = {}

    def add(self, step: int, decision: Decision) -> None:
        """Keep the decision of a step."""
        self._steps[step] = decision

    def of(self, shard: str) -> Decisions:
        """Return, for one shard, who lost at each step."""
        return {step: decision.of(self._place[shard]) for step, decision in self._steps.items()}


def decision_path(shelf: Shelf, recipe: Recipe, snapshot: str, step: int) -> str:
    """Return where the decision of a step lies."""
    return shelf.path("decisions", recipe.id, snapshot, f"{step:02d}-{recipe.step_name(step)}.parquet")


def counts_path(shelf: Shelf, recipe_id: str, snapshot: str, step: int, name: str) -> str:
    """Return where the counts lie that a step decided by."""
    return shelf.path("decisions", recipe_id, snapshot, "counts", f"{step:02d}-{name}.parquet")


def put_decision(
    shelf: Shelf, recipe: Recipe, snapshot: str, shards: Sequence[str], step: int, decision: Decision
) -> None:
    """Write a decision."""
    names = pa.array(decision.reasons, pa.string())
    columns = {
        "shard": pa.DictionaryArray.from_arrays(pa.array(decision.shard), pa.array(shards, pa.string())),
        "row": pa.array(decision.row),
        "reason": pa.DictionaryArray.from_arrays(pa.array(decision.reason), names),
        "measured": pa.array(decision.measured),
        "witness": pa.ExtensionArray.from_storage(pa.uuid(), fixed_16(decision.witness, decision.has_witness)),
        "part": pa.array(decision.part),
    }
    put_table(shelf.fs, decision_path(shelf, recipe, snapshot, step), DECISION, columns)


def put_counts(
    shelf: Shelf, recipe: Recipe, snapshot: str, step: int, before: NDArray[np.int64], after: NDArray[np.int64]
) -> None:
    """Write how many samples each entry of a vocabulary stood in before a step and after it."""
    entries = np.flatnonzero(before)
    columns = {"entry": entries, "before": before[entries], "after": after[entries]}
    put_table(shelf.fs, counts_path(shelf, recipe.id, snapshot, step, recipe.step_name(step)), COUNTS, columns)


class StoredDecisions:
    """The decisions of a recipe's steps as they lie on the shelf, held open, one shard at a time."""

    def __init__(self, tables: Mapping[int, tuple[str, Any]], recipe: Recipe) -> None:
        self._tables = {step: _Stored(path, table) for step, (path, table) in tables.items()}
        self._recipe = recipe

    def of(self, shard: str) -> Decisions:
        """Return, for one shard, who lost at each step."""
        found = {}
        for step, stored in self._tables.items():
            judging = self._recipe.corpus_filter(step)
            assert judging is not None
            found[step] = _losses(stored.rows_of(shard), judging.reasons)
        return found


@contextmanager
def stored_decisions(shelf: Shelf, recipe: Recipe, snapshot: str, steps: Sequence[int]) -> Iterator[StoredDecisions]:
    """Open the decisions of these steps; raises Unavailable where one cannot be read."""
    with ExitStack() as stack:
        paths = {step: decision_path(shelf, recipe, snapshot, step) for step in steps}
        tables = {step: (path, stack.enter_context(open_table(shelf.fs, path))) for step, path in paths.items()}
        yield StoredDecisions(tables, recipe)


class _Stored:
    """One decision's table, which is sorted by shard: of one shard, the row groups that hold it are read."""

    def __init__(self, path: str, parquet: Any) -> None:
        self._path, self._parquet = path, parquet
        groups = [parquet.metadata.row_group(n) for n in range(parquet.num_row_groups)]
        bounds = [group.column(0).statistics for group in groups if group.num_rows]
        self._low = np.array([bound.min for bound in bounds], object)
        self._high = np.array([bound.max for bound in bounds], object)
        self._held: tuple[tuple[int, ...], pa.Table] | None = None

    def rows_of(self, shard: str) -> pa.Table:
        groups = tuple(np.flatnonzero((self._low <= shard) & (self._high >= shard)).tolist())
        if self._held is None or self._held[0] != groups:
            self._held = groups, self._parquet.read_row_groups(list(groups), use_threads=False)
        table = self._held[1]
        return table.filter(pc.equal(table["shard"], shard))


def _losses(table: pa.Table, reasons: tuple[str, ...]) -> Losses:
    witness = table["witness"].combine_chunks()
    places = pc.index_in(table["reason"], pa.array(reasons, pa.string()))
    whole = Losses(
        flat(table["row"]).astype(np.int64),
        reasons,
        flat(places).astype(np.int16),
        flat(table["measured"]),
        uuids(witness),
        flat(witness.is_valid()),
    )
    return _with_parts(whole, flat(table["part"])) if "part" in table.column_names else whole
