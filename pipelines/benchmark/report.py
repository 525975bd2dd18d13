"""The report: for each benchmark that a recipe was given, the samples that held it and which of its items they held.

A sample is counted for the benchmark that its verdict was about, once, whatever else it shares with others; all that it
shares is in its notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct, field

from annotators.annotator import Annotator
from annotators.benchmarks import read_benchmarks
from annotators.embeddingoverlap import EmbeddingOverlap
from annotators.pictureoverlap import PictureOverlap
from annotators.textoverlap import TextOverlap
from pipelines.recipes.recipe import Recipe, Spec
from pipelines.run.stored import Stored, stored_recipe
from pipelines.shelf.in_duckdb import connected, notes_of, shard_of, tables
from pipelines.shelf.pieces import is_noted
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

_LOOKING = TextOverlap, PictureOverlap, EmbeddingOverlap
_NOTE_OF = {
    "benchmark_text": "benchmark_run",
    "benchmark_question": "benchmark_whole",
    "benchmark_picture": "benchmark_picture",
    "benchmark_alike": "benchmark_nearest",
}
"""Which note names the benchmark and the item that a verdict of a reason is about."""


class Found(Struct):
    """What was found of a benchmark: its items, how many of them were held by samples that were dropped, and those
    samples by reason; the longest run of words that one of them shared with it."""

    name: str
    items: int
    items_found: int = 0
    by_text: int = 0
    by_question: int = 0
    by_picture: int = 0
    by_alike: int = 0
    longest: int = 0
    held: set[str] = field(default_factory=set)

    @property
    def dropped(self) -> int:
        return self.by_text + self.by_question + self.by_picture + self.by_alike


def report(shelf: Shelf, recipe_id: str) -> list[Found]:
    """Return what was found of each benchmark, by name.

    Raises BadInput where the recipe was given none, or they are not what it ran with.
    """
    stored = stored_recipe(shelf, recipe_id)
    given = list(_given(stored, recipe_id))
    if not given:
        raise BadInput(
            f"{recipe_id} was given no benchmarks",
            where=shelf.url,
            remedy="run a recipe with --with benchmarks=FOLDER",
        )
    found = {one.name: Found(one.name, one.head.items) for _, a in given for one in read_benchmarks(a.benchmarks)}
    with connected(shelf) as db:
        for annotator_id, annotator in given:
            for reason, said, count, longest in _dropped(db, shelf, recipe_id, annotator_id, annotator):
                name, _, item = said.partition("/")
                _count(found[name], reason, item, count, longest)
    for one in found.values():
        one.items_found = len(one.held)
    return [found[name] for name in sorted(found)]


def was_given(shelf: Shelf, recipe_id: str) -> bool:
    """Say whether a recipe was given benchmarks; raises BadInput where these have changed."""
    return any(_given(stored_recipe(shelf, recipe_id), recipe_id))


def _given(stored: Stored, recipe_id: str) -> Iterator[tuple[str, TextOverlap | PictureOverlap | EmbeddingOverlap]]:
    """Yield the annotators of a recipe that look for benchmarks; raises BadInput where these have changed."""
    classes = {f"{kind.__module__}:{kind.__qualname__}" for kind in _LOOKING}
    if not any(value["at"] in classes for _, value in stored.spec["steps"]):
        return
    recipe: Recipe = msgspec.convert(stored.spec, Spec).build()
    for place, annotator in recipe.annotators():
        if isinstance(annotator, TextOverlap | PictureOverlap | EmbeddingOverlap):
            if recipe.ids[place] != stored.names[place]:
                raise BadInput(
                    f"the benchmarks, or what looks for them, are not what {recipe_id} ran with",
                    where=annotator.benchmarks,
                    remedy=f"put them back there, or run {recipe.name} again",
                )
            yield recipe.ids[place], annotator


def _dropped(
    db: Any, shelf: Shelf, recipe_id: str, annotator_id: str, annotator: Annotator
) -> Iterator[tuple[str, str, int, int]]:
    """Yield, by reason and benchmark/item, how many samples went and their longest run."""
    writes = {name.name for name in annotator.writes}
    words = "benchmark_run_words" if "benchmark_run_words" in writes else "0"
    for reason, note in _NOTE_OF.items():
        if note in writes and is_noted(shelf, annotator_id):
            yield from db.execute(
                f"""
                SELECT reason, {note}, count(*), max({words})
                FROM (SELECT *, {shard_of("filename", piece=True)} AS shard
                      FROM {notes_of(shelf, annotator_id)} WHERE failed = '')
                JOIN (SELECT row, reason, {shard_of("filename")} AS shard FROM {tables(shelf, "verdicts", recipe_id)}
                      WHERE outcome = 'dropped' AND reason = ?) USING (shard, row)
                WHERE {note} <> '' GROUP BY ALL ORDER BY ALL""",
                [reason],
            ).fetchall()


def _count(found: Found, reason: str, item: str, count: int, longest: int) -> None:
    found.held.add(item)
    found.longest = max(found.longest, longest if reason == "benchmark_text" else 0)
    attribute = f"by_{reason.removeprefix('benchmark_')}"
    setattr(found, attribute, getattr(found, attribute) + count)
