"""Which recipe is exported, and whether its last run came to its end."""

from __future__ import annotations

from pipelines.record.record import read_records
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput


def need_recipe(shelf: Shelf, asked: str) -> str:
    """Return the id of the recipe whose verdicts are meant, the only one by default.

    Raises BadInput where there is none or several, or where its last run did not come to its end.
    """
    shelf.need_shards()
    there = shelf.folders("verdicts")
    found = [one for one in there if asked in ("", one, one.split("@")[0])]
    if not there:
        raise BadInput("no recipe was run on this shelf", where=shelf.url, remedy="run `ostraka run RECIPE` first")
    if len(found) != 1:
        raise BadInput(
            f"{len(found)} recipes are called {asked!r}" if asked else f"{len(there)} recipes were run on this shelf",
            where=shelf.url,
            remedy=f"say --recipe {' or '.join(found or there)}",
        )
    _need_finished(shelf, found[0])
    return found[0]


def _need_finished(shelf: Shelf, recipe_id: str) -> None:
    """Raise BadInput where the last run was stopped: some verdicts may be of the shelf as it was before it grew."""
    last = [run for run in read_records(shelf) if run.verb == "run" and run.config.get("recipe") == recipe_id][-1:]
    if last and last[0].status != "done":
        raise BadInput(
            f"the last run of {recipe_id} is {last[0].status}, not done",
            where=shelf.url,
            remedy=f"run `ostraka run {recipe_id.split('@', maxsplit=1)[0]}` to its end first",
        )
