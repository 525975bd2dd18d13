"""Verdicts: a row per sample, computed again from notes and decisions, written only where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from pipelines.recipes.recipe import Recipe, Spec
from pipelines.record import log
from pipelines.run.decisions import stored_decisions
from pipelines.run.facts import Facts
from pipelines.run.judge import OUTCOMES, UNKNOWN, Decisions, Judged, judge
from pipelines.shelf.arrow_columns import fixed_16
from pipelines.shelf.people import People
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import put_if_changed
from schemas.errors import Unavailable
from schemas.tables import VERDICT

INGEST = "ingest"


class WriteVerdicts(Struct, frozen=True):
    """Work: judge a shard from its notes and the decisions, and write its verdicts."""

    shelf_url: str
    spec: Spec
    recipe_id: str
    snapshot: str

    @contextmanager
    def open(self) -> Iterator[Callable[[str], dict[str, int]]]:
        """Yield what writes one shard's verdicts and returns the counts of outcomes."""
        shelf, recipe = Shelf(self.shelf_url), self.spec.build_as(self.recipe_id)
        with stored_decisions(shelf, recipe, self.snapshot, recipe.barriers()) as decisions:
            people = People(shelf)
            yield lambda shard: _write(shelf, recipe, shard, decisions.of(shard), people)


def _write(shelf: Shelf, recipe: Recipe, shard: str, decisions: Decisions, people: People) -> dict[str, int]:
    facts = Facts(shelf, recipe, shard, recipe.judged, people)
    judged = judge(recipe, facts, decisions, np.arange(facts.count), len(recipe.steps))
    counts = np.bincount(judged.outcome, minlength=len(OUTCOMES)).tolist()
    if counts[UNKNOWN]:
        raise Unavailable(
            f"{counts[UNKNOWN]} samples were not looked at",
            where=f"shard {shard}",
            remedy="run the same command again",
        )
    log.event("judged", shard=shard, **dict(zip(OUTCOMES[:UNKNOWN], counts[:UNKNOWN], strict=True)))
    columns = verdict_columns(recipe, facts, judged)
    put_if_changed(shelf.fs, shelf.path("verdicts", recipe.id, f"{shard}.parquet"), VERDICT, columns)
    return {outcome: count for outcome, count in zip(OUTCOMES, counts, strict=True) if count}


def verdict_columns(recipe: Recipe, facts: Facts, judged: Judged) -> dict[str, Any]:
    """Return the columns of a verdict table, as Arrow."""
    door = np.isin(judged.rows, np.fromiter(facts.failed_at_door, np.int64, len(facts.failed_at_door)))
    deciders = [*(recipe.step_name(step) for step in range(len(recipe.steps) + 1)), INGEST]
    by = np.where(door, len(deciders) - 1, judged.step)
    return {
        "row": judged.rows,
        "outcome": _named(judged.outcome, OUTCOMES),
        "step": judged.step,
        "decided_by": _named(by, deciders),
        "reason": _named(judged.reason, judged.reasons),
        "measured": pa.array(judged.measured, from_pandas=True),
        "witness": pa.ExtensionArray.from_storage(pa.uuid(), fixed_16(judged.witness, judged.has_witness)),
        "left_out": _left_out(judged, lambda row: judged.left_out[row], pa.uint16()),
        "left_out_why": _left_out(judged, lambda row: _why(judged, row), pa.string()),
    }


def _named(codes: Any, names: Any) -> pa.Array:
    return pc.take(pa.array(list(names), pa.string()), pa.array(codes))


def _why(judged: Judged, row: int) -> tuple[str, ...]:
    return tuple(judged.left_out_why[row][place] for place in judged.left_out[row])


def _left_out(judged: Judged, told: Callable[[int], tuple[Any, ...]], kind: pa.DataType) -> pa.Array:
    """Return what is told of the parts left out of each row, a list a row."""
    gone = judged.left_out
    lengths = np.zeros(len(judged.rows), np.int32)
    if gone:
        said = np.flatnonzero(np.isin(judged.rows, np.fromiter(gone, np.int64, len(gone))))
        lengths[said] = [len(gone[int(judged.rows[at])]) for at in said]
        places = [one for at in said.tolist() for one in told(int(judged.rows[at]))]
    else:
        places = []
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(places, kind))
