"""Choosing: which recipe is asked about, and which sample."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.query.views import recipes_by_run
from pipelines.recipes.recipe import Recipe, Spec
from pipelines.shelf.in_duckdb import shard_of, tables
from pipelines.shelf.keys import find_keys
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

LEAST_PREFIX = 4
SURE_PREFIX = 8
MOST_NAMED = 5


class Place(Struct, frozen=True):
    """Where a sample is: its key, its shard, its row."""

    key: str
    shard: str
    row: int


def choose_recipe(shelf: Shelf, asked: str = "") -> str:
    """Return the id of the recipe asked for by name or id; by default the one that ran last.

    Raises BadInput where none was run, or none is called so.
    """
    shelf.need_shards()
    ran = [recipe for recipe in recipes_by_run(shelf) if shelf.names(f"verdicts/{recipe}", ".parquet")]
    if not ran:
        raise BadInput(
            "no recipe was run on this shelf", where=shelf.url, remedy="run one: `ostraka run caption-light`"
        )
    found = [recipe for recipe in ran if not asked or asked in (recipe, recipe.split("@")[0])]
    if not found:
        raise BadInput(
            f"no recipe {asked!r} was run on this shelf", where=shelf.url, remedy=f"there is {', '.join(ran)}"
        )
    return found[-1]


def load_recipe(shelf: Shelf, recipe_id: str) -> Recipe:
    """Return a recipe from its values on the shelf; raises BadInput where it is not what it was when it ran."""
    stored = msgspec.json.decode(shelf.fs.cat_file(shelf.path("recipes", f"{recipe_id}.json")))
    recipe = msgspec.convert(stored["spec"], Spec).build()
    if recipe.id != recipe_id:
        raise BadInput(
            f"recipe {recipe_id} is {recipe.id} under this code and these packages",
            where=shelf.url,
            remedy="run it again, or install what it ran with",
        )
    return recipe


def find_sample(db: Any, shelf: Shelf, asked: str) -> Place:
    """Return the sample with this key, or the beginning of one, or with this name in its source.

    Eight hex digits and more are looked up as a key first, in the key map, and no name is read where one is found;
    fewer are a key's beginning only where nothing is called so. Raises BadInput where there is none, or several.
    """
    shelf.need_shards()
    plain = asked.strip().lower().replace("-", "")
    hexadecimal = bool(re.fullmatch(rf"[0-9a-f]{{{LEAST_PREFIX},32}}", plain))
    found = _by_key(shelf, plain) if hexadecimal and len(plain) >= SURE_PREFIX else []
    found = found or _by_name(db, shelf, asked)
    if not found and hexadecimal and len(plain) < SURE_PREFIX:
        found = _by_key(shelf, plain)
    if not found:
        remedy = f"give a key, its beginning ({LEAST_PREFIX} digits at least), or a row's name"
        raise BadInput(f"no sample {asked!r}", where=shelf.url, remedy=remedy)
    if len(found) > 1:
        named = ", ".join(place.key for place in found[:MOST_NAMED]) + (", ..." if len(found) > MOST_NAMED else "")
        raise BadInput(f"{asked!r} could be {named}", where=shelf.url, remedy="give more of the key, or DATASET/NAME")
    return found[0]


def _by_key(shelf: Shelf, beginning: str) -> list[Place]:
    low, high = (bytes.fromhex(beginning.ljust(32, digit)) for digit in "0f")
    return [Place(hit.key.hex(), hit.shard, hit.row) for hit in find_keys(shelf, low, high)]


def _by_name(db: Any, shelf: Shelf, asked: str) -> list[Place]:
    found = db.execute(
        f"SELECT replace(CAST(key AS VARCHAR), '-', ''), {shard_of('filename')}, row FROM {tables(shelf, 'catalog')} "
        f"WHERE name = $1 OR dataset || '/' || name = $1 ORDER BY ALL LIMIT {MOST_NAMED + 1}",
        [asked],
    ).fetchall()
    return [Place(*row) for row in found]
