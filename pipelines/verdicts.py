"""Verdicts: a row per sample, computed again from notes and decisions, written only where it differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isnan
from typing import Any

import numpy as np
from msgspec import Struct

from pipelines.decisions import read_decisions
from pipelines.facts import Facts
from pipelines.judge import OUTCOMES, UNKNOWN, Judged, judge
from pipelines.recipe import Recipe, Spec
from pipelines.shelf import Shelf
from pipelines.table import put_if_changed
from schemas.errors import Unavailable
from schemas.tables import VERDICT

INGEST = "ingest"


class WriteVerdicts(Struct, frozen=True):
    """Work: judge a shard from its notes and the decisions, and write its verdicts."""

    shelf_url: str
    spec: Spec
    snapshot: str

    @contextmanager
    def open(self) -> Iterator[Callable[[str], dict[str, int]]]:
        """Yield what writes one shard's verdicts and returns the counts of outcomes."""
        shelf, recipe = Shelf(self.shelf_url), self.spec.build()
        yield lambda shard: _write(shelf, recipe, self.snapshot, shard)


def _write(shelf: Shelf, recipe: Recipe, snapshot: str, shard: str) -> dict[str, int]:
    facts = Facts(shelf, recipe, shard)
    decisions = read_decisions(shelf, recipe, snapshot, recipe.barriers(), shard)
    judged = judge(recipe, facts, decisions, np.arange(facts.count), len(recipe.steps))
    if (judged.outcome == UNKNOWN).any():
        raise Unavailable(
            f"{int((judged.outcome == UNKNOWN).sum())} samples were not looked at",
            where=f"shard {shard}",
            remedy="run the same command again",
        )
    columns = verdict_columns(recipe, facts, judged)
    put_if_changed(shelf.fs, shelf.path("verdicts", recipe.id, f"{shard}.parquet"), VERDICT, columns)
    return dict(Counter(columns["outcome"]))


def verdict_columns(recipe: Recipe, facts: Facts, judged: Judged) -> dict[str, list[Any]]:
    """Return the columns of a verdict table."""
    rows, steps = judged.rows.tolist(), judged.step.tolist()
    return {
        "row": rows,
        "outcome": [OUTCOMES[code] for code in judged.outcome.tolist()],
        "step": steps,
        "decided_by": [
            INGEST if facts.failed_at_door[row] else recipe.step_name(step)
            for row, step in zip(rows, steps, strict=True)
        ],
        "reason": list(judged.reason),
        "measured": [None if isnan(value) else value for value in judged.measured.tolist()],
        "witness": list(judged.witness),
        "left_out": [list(judged.left_out.get(row, ())) for row in rows],
    }
