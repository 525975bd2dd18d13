"""A recipe as the shelf keeps it: its values, and the names that its steps had."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from pipelines.recipes.recipe import Spec
from pipelines.shelf.shelf import Shelf


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
