"""Which recipe is exported: what it is, as the shelf keeps it, and whether its last run came to its end."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from pipelines.recipes.recipe import Spec
from pipelines.record.record import read_records
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput


class Stored(Struct, frozen=True):
    """A recipe as the shelf keeps it: its values, and its steps' names."""

    spec: dict[str, Any]
    names: tuple[str, ...]

    def annotator_ids(self) -> tuple[str, ...]:
        """Return the fingerprints of the recipe's annotators."""
        return tuple(name for name in self.names if "@" in name)

    def writes(self) -> frozenset[str]:
        """Return the names of the notes that the recipe's annotators write."""
        return frozenset(msgspec.convert(self.spec, Spec).build().writer)

    def values(self) -> tuple[tuple[str, str, str], ...]:
        """Return each step's name, its class, and its fields as JSON."""
        steps = [value for _, value in self.spec["steps"]]
        return tuple((n, value["at"], value["fields"]) for n, value in zip(self.names, steps, strict=True))


def stored_recipe(shelf: Shelf, recipe_id: str) -> Stored:
    """Return a recipe as it ran on this shelf."""
    return msgspec.json.decode(shelf.fs.cat_file(shelf.path("recipes", f"{recipe_id}.json")), type=Stored)


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
