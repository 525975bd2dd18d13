"""Making shelves: catalogue and note rows as the door and the annotators write them, without media.

A shard's rows are pure functions of their numbers, so shards are made in any order, by any number of processes, and one
that is there is not made again. Files are not synced: what a crash of the machine loses is made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from numpy.typing import NDArray

from annotators.annotator import Annotator
from bench.scale.columns import glued, hexes, lists, uuids
from bench.scale.drawn import Numbers, bits, choice, fractions
from bench.scale.pictures import Pictures, contents
from bench.scale.real import Real, real
from bench.scale.texts import Texts, concepts, embeddings, minhashes
from filters.columns import Columns
from filters.corpus import CorpusFilter
from filters.filter import KEEP
from pipelines.engines.local import Local
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.shelf.notes import note_columns, piece_path
from pipelines.shelf.shelf import Shelf, shard_name
from pipelines.shelf.table import parquet_bytes, table_of
from schemas.publish import PREFIX
from schemas.tables import CATALOG, Column

FAILED_AT_DOOR, UNDECODABLE = 0.001, 0.003
"""Shares of rows: that are no sample, and whose pixels cannot be read."""

DOOR_REASONS, DOOR_SHARES = ("text_not_utf8", "unknown_format", "empty_file"), (0.5, 0.3, 0.2)
LICENCES, LICENCE_SHARES = ("CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-2.0", ""), (0.3, 0.2, 0.1, 0.4)
DATASETS = 8
EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}
FIRST_PIECE = "-0000.parquet"
TAR_BLOCK, OTHER_MEMBERS_BYTES = 512, 3 * 1024

Values = Mapping[str, Any]


class Corpus(Struct, frozen=True):
    """A shelf to be made: its rows, how many a shard and a note piece hold (0: one piece a shard), and for which
    recipes there are notes."""

    rows: int
    shard_rows: int = 10_000
    piece_rows: int = 0
    recipes: tuple[str, ...] = ("bench.scale.recipe:decided",)

    @property
    def shards(self) -> list[str]:
        return [shard_name(number) for number in range(-(-self.rows // self.shard_rows))]


def make(url: str, corpus: Corpus, workers: int = 2) -> Iterator[int]:
    """Make the shards that are not there, and yield how many are."""
    shelf = Shelf(url)
    os.makedirs(shelf.path("catalog"), exist_ok=True)
    missing = _missing(shelf, corpus)
    done = len(corpus.shards) - len(missing)
    yield done
    for _ in Local(workers).map(MakeShard(url, corpus), missing):
        done += 1
        yield done


def _missing(shelf: Shelf, corpus: Corpus) -> list[str]:
    """Return the shards that lack their catalogue or any notes."""
    there = {*shelf.shards()}
    for recipe in map(find_recipe, corpus.recipes):
        for place, annotator in recipe.annotators():
            _take_over(shelf, annotator, recipe.ids[place])
            there &= {*shelf.names(f"notes/{recipe.ids[place]}", FIRST_PIECE)}
    return [shard for shard in corpus.shards if shard not in there]


def _take_over(shelf: Shelf, annotator: Annotator, annotator_id: str) -> None:
    """Give notes the name that the annotator has now: what it would write is as good as what was made."""
    folder = shelf.path("notes", annotator_id)
    others = [name for name in shelf.folders("notes") if name.startswith(f"{annotator.name}@")]
    if annotator_id not in others and len(others) == 1:
        os.rename(shelf.path("notes", others[0]), folder)
    os.makedirs(folder, exist_ok=True)


class MakeShard(Struct, frozen=True):
    """Work: make one shard, unless it is there."""

    shelf_url: str
    corpus: Corpus

    @contextmanager
    def open(self) -> Iterator[Callable[[str], int]]:
        """Yield what makes one shard and returns its rows."""
        shelf, found = Shelf(self.shelf_url), real()
        recipes = [find_recipe(name) for name in self.corpus.recipes]
        yield lambda shard: self._make(shelf, recipes, Rows(self.corpus, int(shard), found), shard)

    def _make(self, shelf: Shelf, recipes: Sequence[Recipe], rows: Rows, shard: str) -> int:
        for recipe in recipes:
            for annotator_id, annotator, noted, values in rows.notes(recipe):
                for number, chosen in enumerate(self._pieces(noted)):
                    path = piece_path(shelf, annotator_id, shard, number)
                    _put(path, note_columns(annotator), lambda v=values, c=chosen: _taken(v(), c))
        _put(shelf.path("catalog", f"{shard}.parquet"), CATALOG, rows.catalog)
        return len(rows.numbers)

    def _pieces(self, noted: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
        """Yield the rows that were looked at, piece by piece."""
        step = self.corpus.piece_rows or len(noted)
        for first in range(0, len(noted), step):
            yield first + np.flatnonzero(noted[first : first + step])


def _taken(values: Values, chosen: NDArray[np.int64]) -> Values:
    places = pa.array(chosen)
    return {name: column.take(places) for name, column in values.items()}


def _put(path: str, columns: Sequence[Column], values: Callable[[], Values]) -> None:
    """Write a table under a temporary name and give it its own, unless it is there."""
    if os.path.exists(path):
        return
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{PREFIX}{os.getpid()}-{name}")
    with open(temporary, "wb") as file:
        parquet_bytes(table_of(columns, values()), columns, file)
    os.replace(temporary, path)


class Rows:
    """The rows of one shard."""

    def __init__(self, corpus: Corpus, shard: int, found: Real) -> None:
        first = shard * corpus.shard_rows
        self.numbers: Numbers = np.arange(first, min(first + corpus.shard_rows, corpus.rows), dtype=np.uint64)
        self._shard, self._count, self._real = shard, corpus.rows, found
        self._failed = fractions(self.numbers, "failed at door") < FAILED_AT_DOOR

    @cached_property
    def _pictures(self) -> Pictures:
        return Pictures(contents(self.numbers, self._count), self._count, self._real)

    def notes(self, recipe: Recipe) -> Iterator[tuple[str, Annotator, NDArray[np.bool_], Callable[[], Values]]]:
        """Yield, for each annotator before the first barrier, its id, which rows it saw, and what it said of all."""
        living = ~self._failed
        for place, step in enumerate(recipe.steps):
            if isinstance(step, Annotate):
                said = getattr(self, f"_{step.annotator.name}")
                yield recipe.ids[place], step.annotator, living, said
                living = living & pc.equal(said()["failed"], "").to_numpy(zero_copy_only=False)
            elif isinstance(step.filter, CorpusFilter):
                return
            else:
                living = living & (step.filter.judge_columns(self._judged(step.filter.reads)).reason == KEEP)

    def _judged(self, names: Sequence[str]) -> Columns:
        pixels = self._pictures.pixels
        sizes = {"width_px": self._pictures.width_px, "height_px": self._pictures.height_px}
        return Columns(len(self.numbers), {name: {**sizes, **pixels}[name] for name in names})

    def _noted(self, failed: NDArray[np.bool_] | None = None, reason: str = "", **values: Any) -> dict[str, pa.Array]:
        """Return a note piece's columns of all rows; what failed has a reason and no values."""
        count = len(self.numbers)
        failed = np.zeros(count, np.bool_) if failed is None else failed
        columns = {"row": pa.array(np.arange(count, dtype=np.uint32)), "failed": pa.array(np.where(failed, reason, ""))}
        for name, value in values.items():
            array = value if isinstance(value, pa.Array) else pa.array(value)
            columns[name] = pc.if_else(pa.array(~failed), array, pa.nulls(count, array.type)) if failed.any() else array
        return columns

    def _header(self) -> Values:
        pictures = self._pictures
        return self._noted(
            width_px=pictures.width_px,
            height_px=pictures.height_px,
            format=pictures.named(3),
            mode=pictures.named(4),
            orientation=pictures.orientation,
            frames=np.ones(len(self.numbers), np.uint32),
        )

    def _pixels(self) -> Values:
        return self._noted(fractions(self.numbers, "undecodable") < UNDECODABLE, "undecodable", **self._pictures.pixels)

    def _concepts(self) -> Values:
        return self._noted(concepts=concepts(self.numbers, self._real))

    def _minhash(self) -> Values:
        return self._noted(minhash=minhashes(self.numbers, self._count))

    def _embedding(self) -> Values:
        return self._noted(embedding=embeddings(self.numbers, self._count))

    def catalog(self) -> Values:
        """Return the catalogue's columns."""
        pictures, texts, failed = self._pictures, Texts(self.numbers, self._count, self._real), self._failed
        stands, count = pa.array(~failed), len(self.numbers)
        digests = pictures.digests()
        size_bytes, extensions = np.where(failed, 0, pictures.size_bytes), _extensions(pictures.named(3))
        name = glued(pc.utf8_lpad(pa.array(self.numbers).cast(pa.string()), 9, "0"), ".", extensions)
        parts = glued(
            '[{"kind":"image","digest":"', hexes(digests), '","size_bytes":', size_bytes, ',"extension":"', extensions,
            '","width_px":0,"height_px":0},', texts.json, "]",
        )  # fmt: skip
        key = np.stack([bits(self.numbers, f"key {place}") for place in range(2)], axis=1).view(np.uint8)
        reasons = np.array(DOOR_REASONS)[choice(self.numbers, "reason", DOOR_SHARES)]
        similarity = pc.round(pa.array(0.2 + fractions(self.numbers, "similarity") / 5), 4)
        return {
            "row": np.arange(count, dtype=np.uint32),
            "key": uuids(key),
            "digest": uuids(np.where(failed[:, None], np.uint8(0), digests[:, :16])),
            "size_bytes": size_bytes,
            "images": (~failed).astype(np.uint16),
            "videos": np.zeros(count, np.uint16),
            "texts": np.where(failed, 0, texts.count).astype(np.uint16),
            "text_chars": _where(stands, texts.chars),
            "text_parts": _where(stands, texts.parts),
            "dataset": pa.repeat(f"web-{self._shard % DATASETS}", count),
            "name": name,
            "uri": glued("https://pictures.example.org/", hexes(key[:, :8] ^ np.uint8(255)), "/", name),
            "licence": np.array(LICENCES)[choice(self.numbers, "licence", LICENCE_SHARES)],
            "parent": pa.repeat("", count),
            "failed": np.where(failed, reasons, ""),
            "parts": pc.if_else(stands, parts, "[]"),
            "meta": pc.if_else(stands, glued('{"similarity":', similarity, "}"), ""),
            "media": np.where(failed, "", f"media/{shard_name(self._shard)}.tar"),
            "offsets": lists((~failed).astype(np.int64), _offsets(size_bytes)[~failed]),
        }


def _extensions(formats: NDArray[np.str_]) -> pa.Array:
    return pa.array([EXTENSIONS.get(kind, kind) for kind in formats])


def _where(stands: pa.Array, column: pa.Array) -> pa.Array:
    """Return lists, empty where a row does not stand."""
    return pc.if_else(stands, column, pa.scalar([], column.type))


def _offsets(size_bytes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each picture begins in its tar: behind its own header, and the members of those before."""
    taken = TAR_BLOCK + -(-size_bytes // TAR_BLOCK) * TAR_BLOCK + OTHER_MEMBERS_BYTES
    return np.where(size_bytes > 0, TAR_BLOCK + np.cumsum(np.where(size_bytes > 0, taken, 0)) - taken, 0)
