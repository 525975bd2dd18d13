"""The funnel: how many samples reached each step, and what became of them there. Counted from rows."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from pipelines.query.views import recipe_names, tables
from pipelines.shelf import Shelf
from pipelines.verdicts import INGEST


class Stage(Struct, frozen=True):
    """One step: samples that reached it, that went on, and that were dropped or failed there, by reason."""

    name: str
    reached: int
    went_on: int
    dropped: dict[str, int]
    failed: dict[str, int]


def funnel(db: Any, shelf: Shelf, recipe_id: str) -> list[Stage]:
    """Return the funnel of a recipe, ingest first; reached = went on + dropped + failed at every step."""
    counts = db.execute(
        f"SELECT step, decided_by, outcome, reason, count(*) FROM {tables(shelf, 'verdicts', recipe_id)} "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    living = sum(number for *_, number in counts)
    stages = list[Stage]()
    for place, name in [(-1, INGEST), *enumerate(recipe_names(shelf, recipe_id))]:
        ended: dict[str, dict[str, int]] = {"dropped": {}, "failed": {}}
        for step, by, outcome, reason, number in counts:
            if outcome in ended and (-1 if by == INGEST else step) == place:
                ended[outcome][reason] = number
        left = living - sum(ended["dropped"].values()) - sum(ended["failed"].values())
        stages.append(Stage(name, living, left, ended["dropped"], ended["failed"]))
        living = left
    return stages
