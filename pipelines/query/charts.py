"""Charts: how numbers are spread over what was kept and what was dropped, and where the thresholds lie.

A filter that bounds a note is drawn on that note; any other filter with a threshold gets a chart of what it measured.
Measured values of samples that a filter let pass are in no table, so they are judged again here, shard by shard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import Struct, structs

from filters.filter import Filter
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.decisions import stored_decisions
from pipelines.run.facts import Facts
from pipelines.run.judge import Decisions
from pipelines.shelf.in_duckdb import notes_of, shard_of
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from schemas.tables import Column

BINS = 36
WIDE = 40.0
MOST_VALUES, MOST_VALUE_CHARS = 8, 80
MOST_KINDS = 1000
REACH = 0.5

_NUMBERS = ("uint32", "float64", "list<uint32>", "list<float64>")


class Limit(Struct, frozen=True):
    """A threshold on a chart: the step that holds it, its field and its value."""

    step: int
    field: str
    value: float


class Chart(Struct, frozen=True):
    """A histogram: one edge more than bins; a bin is [kept, dropped by the filters of `limits`, ended elsewhere].

    `log`: the edges are even on a logarithmic scale. `not_numbers`: NaN and infinite values, which no bin holds.
    """

    name: str
    unit: str
    says: str
    limits: tuple[Limit, ...]
    edges: tuple[float, ...]
    bins: tuple[tuple[int, int, int], ...]
    log: bool = False
    not_numbers: int = 0


class Share(Struct, frozen=True):
    """How a text is spread: each value's [kept, dropped, failed], the most frequent first, others together.

    A text with more than MOST_KINDS values says of no two samples that they are of a kind, nor does one whose most
    frequent values are longer than a kind's name: it has none here.
    """

    name: str
    says: str
    values: tuple[tuple[str, int, int, int], ...]


def limits_of(recipe: Recipe) -> tuple[dict[str, list[Limit]], dict[int, list[Limit]]]:
    """Return the thresholds to be drawn on notes, by note, and those on what a step measured, by step."""
    numbers = {name.name for _, a in recipe.annotators() for name in a.writes if name.kind in _NUMBERS}
    on_notes: dict[str, list[Limit]] = {}
    on_steps: dict[int, list[Limit]] = {}
    for place, step in enumerate(recipe.steps):
        if isinstance(step, Annotate):
            continue
        fields = {f: float(v) for f, v in structs.asdict(step.filter).items() if type(v) in (int, float)}
        only = step.filter.reads[0] if len(step.filter.reads) == 1 else ""
        notes = {field: only if only in numbers else field for field in fields}
        if fields and all(note in numbers and note in step.filter.reads for note in notes.values()):
            for field, value in fields.items():
                on_notes.setdefault(notes[field], []).append(Limit(place, field, value))
        elif fields:
            on_steps[place] = [Limit(place, field, value) for field, value in fields.items()]
    return on_notes, on_steps


def charts(db: Any, shelf: Shelf, recipe: Recipe) -> list[Chart]:
    """Return the charts of a recipe in the order of its steps; notes without a value have none."""
    on_notes, on_steps = limits_of(recipe)
    make_fates(db, recipe)
    _measure(db, shelf, recipe, set(on_steps))
    drawn: list[Chart | None] = []
    for place, step in enumerate(recipe.steps):
        if isinstance(step, Annotate):
            for name in step.annotator.writes:
                if name.kind in _NUMBERS:
                    values = _noted(shelf, recipe.ids[place], Column(name.name, name.kind))
                    limits = tuple(on_notes.get(name.name, ()))
                    chart = Chart(name.name, name.unit, name.says, limits, (), ())
                    drawn.append(_chart(db, values, chart, bounded=name.high is not None))
        elif place in on_steps:
            values = f"SELECT shard, row, value FROM measured WHERE step = {place}"
            chart = Chart(step.filter.name, "", "what this step measured", tuple(on_steps[place]), (), ())
            drawn.append(_chart(db, values, chart))
    return [chart for chart in drawn if chart]


def shares(db: Any, shelf: Shelf, recipe: Recipe) -> list[Share]:
    """Return how datasets, licences and every noted text are spread over what was kept, dropped and failed."""
    facts = (("dataset", "where samples came from"), ("licence", "as the source states it"))
    found = [_share(db, name, says, f"SELECT shard, row, {name} AS value FROM samples") for name, says in facts]
    for place, annotator in recipe.annotators():
        for name in annotator.writes:
            if name.kind in ("string", "list<string>"):
                values = _noted(shelf, recipe.ids[place], Column(name.name, name.kind))
                found.append(_share(db, name.name, name.says, f"SELECT DISTINCT * FROM ({values})"))
    return [share for share in found if share.values]


def make_fates(db: Any, recipe: Recipe) -> None:
    """Put what became of each sample into the table `fates`."""
    db.execute(
        "CREATE OR REPLACE TEMP TABLE fates AS SELECT shard, row, outcome, step, measured "
        f"FROM verdicts WHERE recipe = {quoted(recipe.id)}"
    )


def _measure(db: Any, shelf: Shelf, recipe: Recipe, steps: set[int]) -> None:
    """Put what the filters of these steps measured into the table `measured`."""
    db.execute("CREATE OR REPLACE TEMP TABLE measured (step INTEGER, shard VARCHAR, row INTEGER, value DOUBLE)")
    for place in steps.intersection(recipe.barriers()):
        db.execute(
            f"INSERT INTO measured SELECT step, shard, row, measured FROM fates WHERE step = {place} "
            "AND outcome = 'dropped'"
        )
    shards, of_parts = shelf.shards(), [place for place in recipe.barriers() if recipe.leaves_parts_out(place)]
    with stored_decisions(shelf, recipe, shelf.snapshot(shards), of_parts) as stored:
        for shard in shards:
            ends = db.execute("SELECT row, step FROM fates WHERE shard = ? ORDER BY row", [shard]).fetchnumpy()
            facts = Facts(shelf, recipe, shard, recipe.judged)
            for place, rows, values in _judged(facts, recipe, ends["step"], stored.of(shard)):
                if place in steps:
                    db.register("batch", pa.table({"row": rows, "value": values}))
                    db.execute(f"INSERT INTO measured SELECT {place}, {quoted(shard)}, row, value FROM batch")
                    db.unregister("batch")


def _judged(facts: Facts, recipe: Recipe, ends: Any, decisions: Decisions) -> Iterator[tuple[int, Any, Any]]:
    """Yield, for each filter of single samples, the rows that reached it and what it measured."""
    entered = np.ones(facts.count, np.bool_)
    entered[list(facts.failed_at_door)] = False
    left_out: dict[int, tuple[int, ...]] = {}
    for place, step in enumerate(recipe.steps):
        if isinstance(step, Keep) and isinstance(step.filter, Filter):
            rows = np.flatnonzero(entered & (ends >= place))
            found = step.filter.judge_columns(facts.columns(step.filter.reads, rows, left_out))
            yield place, rows, found.measured
            for index, parts in found.left_out.items():
                row = int(rows[index])
                left_out[row] = tuple(sorted({*left_out.get(row, ()), *parts}))
        elif place in decisions:
            for row, lost in decisions[place].parts.items():
                left_out[row] = tuple(sorted({*left_out.get(row, ()), *lost}))


def _noted(shelf: Shelf, annotator_id: str, noted: Column) -> str:
    column = '"' + noted.name.replace('"', '""') + '"'
    value = f"unnest({column})" if noted.kind.startswith("list<") else column
    return (
        f"SELECT {shard_of('filename', piece=True)} AS shard, row, {value} AS value "
        f"FROM {notes_of(shelf, annotator_id, noted)} WHERE failed = ''"
    )


def _chart(db: Any, values: str, chart: Chart, *, bounded: bool = False) -> Chart | None:
    """Fill a chart's bins from a query of shard, row and value."""
    judging = ", ".join(str(limit.step) for limit in chart.limits) or "-1"
    db.execute(
        f"CREATE OR REPLACE TEMP TABLE charted AS SELECT CAST(value AS DOUBLE) AS value, CASE WHEN outcome = 'kept' "
        f"THEN 0 WHEN outcome = 'dropped' AND step IN ({judging}) THEN 1 ELSE 2 END AS fate "
        f"FROM ({values}) JOIN fates USING (shard, row)"
    )
    [(count, not_numbers, low, high, whole)] = db.execute(
        "SELECT count(*), count(*) FILTER (NOT isfinite(value)), min(value) FILTER (isfinite(value)), "
        "max(value) FILTER (isfinite(value)), bool_and(value = floor(value)) FILTER (isfinite(value)) FROM charted"
    ).fetchall()
    if not count:
        return None
    if low is None:
        return structs.replace(chart, not_numbers=not_numbers)
    edges, log = _edges(low, high, [limit.value for limit in chart.limits], whole=whole, bounded=bounded)
    db.register("edges", pa.table({"edge": edges[1:-1]}))
    counted = db.execute(
        "SELECT (SELECT count(*) FROM edges WHERE edge <= value) AS bin, fate, count(*) "
        "FROM charted WHERE isfinite(value) GROUP BY ALL"
    ).fetchall()
    db.unregister("edges")
    bins = [[0, 0, 0] for _ in edges[1:]]
    for place, fate, number in counted:
        bins[place][fate] = number
    filled = tuple((kept, here, elsewhere) for kept, here, elsewhere in bins)
    return structs.replace(chart, edges=tuple(edges), bins=filled, log=log, not_numbers=not_numbers)


def _edges(low: float, high: float, limits: list[float], *, whole: bool, bounded: bool) -> tuple[list[float], bool]:
    """Return the edges of the bins and whether they are logarithmic; a threshold not far outside is taken in.

    `whole`: every value is a whole number; `bounded`: the values have a known highest one, as a share has.
    """
    reach = BINS // 4 if whole and high - low < BINS // 2 else REACH * (high - low)
    near = [limit for limit in limits if low - reach <= limit <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    if whole and high - low < BINS:
        return [math.floor(low) - 0.5 + step for step in range(math.ceil(high) - math.floor(low) + 2)], False
    if low == high:
        return [low - 0.5, high + 0.5], False
    if low > 0 and high / low > WIDE and not bounded:
        inner = np.linspace(math.log(low), math.log(high), BINS + 1).tolist()[1:-1]
        return [low, *map(math.exp, inner), high], True
    return np.linspace(low, high, BINS + 1).tolist(), False


def _share(db: Any, name: str, says: str, values: str) -> Share:
    db.execute(
        "CREATE OR REPLACE TEMP TABLE shared AS SELECT value, count(*) FILTER (outcome = 'kept') AS kept, "
        "count(*) FILTER (outcome = 'dropped') AS dropped, count(*) FILTER (outcome = 'failed') AS failed, "
        "row_number() OVER (ORDER BY count(*) DESC, value) AS place "
        f"FROM (SELECT shard, row, left(value, {MOST_VALUE_CHARS}) AS value FROM ({values})) "
        "JOIN fates USING (shard, row) GROUP BY value"
    )
    named = db.execute(
        f"SELECT value, kept, dropped, failed FROM shared WHERE place <= {MOST_VALUES} ORDER BY place"
    ).fetchall()
    [(others, kept, dropped, failed)] = db.execute(
        f"SELECT count(*), sum(kept), sum(dropped), sum(failed) FROM shared WHERE place > {MOST_VALUES}"
    ).fetchall()
    if named and all(len(value) == MOST_VALUE_CHARS for value, *_ in named):
        return Share(name, says, ())
    if others:
        named.append((f"{others} others", int(kept), int(dropped), int(failed)))
    return Share(name, says, tuple(named) if others <= MOST_KINDS else ())
