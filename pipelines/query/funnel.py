"""The funnel of a recipe on a shelf, counted from the rows of its verdicts."""

from __future__ import annotations

from typing import Any

from pipelines.query.views import recipe_cases, recipe_names
from pipelines.run.funnel import Stage, end_of, stages
from pipelines.run.verdicts import INGEST
from pipelines.shelf.in_duckdb import notes_of, shard_of, tables
from pipelines.shelf.pieces import is_noted
from pipelines.shelf.shelf import Shelf


def funnel(db: Any, shelf: Shelf, recipe_id: str) -> list[Stage]:
    """Return the funnel of a recipe, ingest first."""
    counts = db.execute(
        f"SELECT step, decided_by, outcome, reason, count(*) FROM {tables(shelf, 'verdicts', recipe_id)} GROUP BY ALL"
    ).fetchall()
    return stages(recipe_names(shelf, recipe_id), {end_of(*verdict): count for *verdict, count in counts})


def cases(db: Any, shelf: Shelf, recipe_id: str) -> dict[str, dict[str, int]]:
    """Return, by annotator, how many of the samples that went on from it were each of the cases that it tells; of a
    list of cases, how many of its items."""
    names = recipe_names(shelf, recipe_id)
    return {
        annotator_id: dict(
            db.execute(f"""
                SELECT said, count(*)
                FROM (SELECT row, {shard_of("filename", piece=True)} AS shard,
                             {_together(db, shelf, annotator_id, names_of_it)} AS said
                      FROM {notes_of(shelf, annotator_id)} WHERE failed = '')
                JOIN (SELECT row, step, decided_by, {shard_of("filename")} AS shard
                      FROM {tables(shelf, "verdicts", recipe_id)}) USING (shard, row)
                WHERE step > {names.index(annotator_id)} AND decided_by <> '{INGEST}' GROUP BY ALL ORDER BY ALL
                """).fetchall()
        )
        for annotator_id, names_of_it in recipe_cases(shelf, recipe_id).items()
        if is_noted(shelf, annotator_id)
    }


def _together(db: Any, shelf: Shelf, annotator_id: str, names: str) -> str:
    """Return an expression of the notes' values with spaces between, a row for each item where one holds lists."""
    found = db.execute(f"DESCRIBE FROM {notes_of(shelf, annotator_id)}").fetchall()
    kinds = {name: kind for name, kind, *_ in found}
    each = [f'unnest("{name}")' if kinds[name].endswith("[]") else f'"{name}"' for name in names.split()]
    return each[0] if len(each) == 1 else f"concat_ws(' ', {', '.join(each)})"


def not_judged(shelf: Shelf, recipe_id: str) -> int:
    """Return how many shards came after the recipe's last run, and so are in no funnel of it."""
    return len(set(shelf.shards()) - set(shelf.names(f"verdicts/{recipe_id}", ".parquet")))
