"""The funnel of a recipe on a shelf, counted from the rows of its verdicts."""

from __future__ import annotations

from typing import Any

from pipelines.funnel import Stage, end_of, stages
from pipelines.query.views import recipe_names, tables
from pipelines.shelf import Shelf


def funnel(db: Any, shelf: Shelf, recipe_id: str) -> list[Stage]:
    """Return the funnel of a recipe, ingest first."""
    counts = db.execute(
        f"SELECT step, decided_by, outcome, reason, count(*) FROM {tables(shelf, 'verdicts', recipe_id)} GROUP BY ALL"
    ).fetchall()
    return stages(recipe_names(shelf, recipe_id), {end_of(*verdict): count for *verdict, count in counts})


def not_judged(shelf: Shelf, recipe_id: str) -> int:
    """Return how many shards came after the recipe's last run, and so are in no funnel of it."""
    return len(set(shelf.shards()) - set(shelf.names(f"verdicts/{recipe_id}", ".parquet")))
