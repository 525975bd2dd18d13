"""Choosing: which recipe is asked about, and which sample."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.query.views import recipes_by_run, shard_of, tables
from pipelines.recipe import Recipe, Spec
from pipelines.shelf import Shelf
from pipelines.sql_text import quoted
from schemas.errors import BadInput

LEAST_PREFIX = 4
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
    judged = set(shelf.folders("verdicts"))
    ran = [recipe for recipe in recipes_by_run(shelf) if recipe in judged]
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
    """Return the sample with this name in its source, this key, or the beginning of one; a name goes before a key.

    Raises BadInput where there is none, or where several are called or begin so.
    """
    where = named = f"name = {quoted(asked)} OR dataset || '/' || name = {quoted(asked)}"
    plain = asked.strip().lower().replace("-", "")
    if re.fullmatch(rf"[0-9a-f]{{{LEAST_PREFIX},32}}", plain):
        low, high = _uuid(plain.ljust(32, "0")), _uuid(plain.ljust(32, "f"))
        where += f" OR key BETWEEN CAST('{low}' AS UUID) AND CAST('{high}' AS UUID)"
    found = db.execute(
        f"SELECT replace(CAST(key AS VARCHAR), '-', ''), {shard_of('filename')}, row, {named} AS named "
        f"FROM {tables(shelf, 'catalog')} WHERE {where} ORDER BY 4 DESC, 1, 2, 3 LIMIT {MOST_NAMED + 1}"
    ).fetchall()
    if not found:
        remedy = f"give a key, its beginning ({LEAST_PREFIX} digits at least), or a row's name"
        raise BadInput(f"no sample {asked!r}", where=shelf.url, remedy=remedy)
    if found[0][-1]:
        found = [row for row in found if row[-1]]
    if len(found) > 1:
        named = ", ".join(key for key, *_ in found[:MOST_NAMED]) + (", ..." if len(found) > MOST_NAMED else "")
        raise BadInput(f"{asked!r} could be {named}", where=shelf.url, remedy="give more of the key, or DATASET/NAME")
    key, shard, row, _ = found[0]
    return Place(key, shard, row)


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
