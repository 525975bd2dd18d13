"""Samples of a shelf as a desk asks about them: with what models noted, and how unsure they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from annotators.desk.item import Notes
from pipelines.query.choose import choose_recipe, load_recipe
from pipelines.query.places import places_of
from pipelines.query.views import recipes_by_run
from pipelines.recipes.recipe import Recipe
from pipelines.shelf.notes import Notes as Noted
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.note import Note
from schemas.sample import Sample, Source, from_columns

KEPT = "kept"


class Candidate(Struct, frozen=True):
    """A sample with where its bytes are, what models noted on places of it, and what they noted of the whole."""

    sample: Sample
    media: str
    offsets: tuple[int, ...]
    places: Notes = ()
    values: Mapping[str, tuple[Any, str]] = {}
    """Value and annotator (name@fingerprint) by the note's name."""


def recipe_of(shelf: Shelf, asked: str) -> Recipe | None:
    """Return the recipe that is asked for, by default the one that ran last; None where none ran and none is asked."""
    if not asked and not recipes_by_run(shelf):
        return None
    return load_recipe(shelf, choose_recipe(shelf, asked))


def candidates(
    shelf: Shelf, recipe: Recipe | None, names: Sequence[str], every: bool, keys: frozenset[str] = frozenset()
) -> Iterator[Candidate]:
    """Yield the samples that the recipe kept, or `every` one, with the notes of `names` and all on places.

    With `keys`, those samples alone. Samples that failed when they came are passed over.
    """
    for shard in shelf.need_shards():
        rows = shelf.catalog(shard).to_pylist()
        chosen = [at for at, row in enumerate(rows) if not row["failed"] and (not keys or _key(row) in keys)]
        if recipe is not None and not every:
            kept = _kept(shelf, recipe, shard)
            chosen = [at for at in chosen if at in kept]
        if not chosen:
            continue
        values = _values(shelf, recipe, shard, len(rows), names) if recipe else {}
        ids = list(recipe.ids.values()) if recipe else []
        places = places_of(shelf, ids, shard)
        for at in chosen:
            row = rows[at]
            source = Source(row["dataset"], row["name"], row["uri"], row["licence"], row["parent"], row["meta"])
            said = tuple(
                msgspec.structs.replace(note, by=who)
                for who, written in places.get(at, ())
                for note in msgspec.json.decode(written, type=list[Note])
            )
            yield Candidate(
                from_columns(_key(row), row["parts"], source),
                shelf.media_url(row["media"]),
                tuple(row["offsets"]),
                said,
                {name: (one[at], who) for name, (one, who) in values.items() if at in one},
            )


def _key(row: Mapping[str, Any]) -> str:
    return str(row["key"]).replace("-", "")


def _kept(shelf: Shelf, recipe: Recipe, shard: str) -> set[int]:
    table = read_table(shelf.fs, shelf.path("verdicts", recipe.id, f"{shard}.parquet"), ["row", "outcome"])
    return {one["row"] for one in table.to_pylist() if one["outcome"] == KEPT}


def _values(
    shelf: Shelf, recipe: Recipe, shard: str, count: int, names: Sequence[str]
) -> dict[str, tuple[dict[int, Any], str]]:
    """Return values by row, and who noted them, of those names that the recipe's annotators write."""
    found = dict[str, tuple[dict[int, Any], str]]()
    for place, annotator in recipe.annotators():
        mine = [name.name for name in annotator.writes if name.name in names]
        if mine:
            noted = Noted(shelf, annotator, recipe.ids[place], shard, count, read=mine)
            rows = [row for row in range(count) if noted.noted[row]]
            by_row = {row: noted.values(row) for row in rows}
            for name in mine:
                found[name] = {row: said[name] for row, said in by_row.items()}, recipe.ids[place]
    return found
