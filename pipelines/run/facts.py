"""Facts: everything that is known of one shard's samples, as columns that filters judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from filters.columns import Columns, Lists
from pipelines.recipes.recipe import BY_PEOPLE, FACTS, Annotate, Recipe
from pipelines.run.by_people import by_people_alone, with_people
from pipelines.shelf.arrow_columns import to_numpy
from pipelines.shelf.notes import Notes
from pipelines.shelf.people import People, Words
from pipelines.shelf.shelf import Shelf
from schemas.sample import Image, Part, Sample, Source, Text
from schemas.vocabulary.answers import DIFFICULTY, PASS_RATE

LeftOut = Mapping[int, tuple[int, ...]]
NOTHING: LeftOut = {}
_SAMPLE = ("key", "parts", "dataset", "name", "uri", "licence", "parent", "meta", "media", "offsets")
_decode_parts = msgspec.json.Decoder(tuple[Part, ...])


def _texts(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text)]


def _text_role(parts: Sequence[Part]) -> list[str]:
    return [part.role for part in parts if isinstance(part, Text)]


def _picture_part(parts: Sequence[Part]) -> list[int]:
    return [place for place, part in enumerate(parts) if isinstance(part, Image)]


def _picture_digest(parts: Sequence[Part]) -> list[int]:
    """Return the first 64 bits of each picture's digest: of a thousand million pictures, hardly two agree in them."""
    return [int(part.digest[:16], 16) for part in parts if isinstance(part, Image)]


_OF_PARTS: Mapping[str, tuple[Callable[[Sequence[Part]], list[Any]], Any]] = {
    "text": (_texts, object),
    "text_role": (_text_role, object),
    "picture_part": (_picture_part, np.uint16),
    "picture_digest": (_picture_digest, np.uint64),
}
"""Facts that are no columns of the catalogue, and how they are read from a sample's parts."""


class Facts:
    """One shard under one recipe: its catalogue, and the notes of the recipe's annotators and of people.

    `asked`: the columns that are read at once; None is every note. A fact that is not among them is read when it is
    asked for, a note that is not cannot be had.
    """

    def __init__(
        self, shelf: Shelf, recipe: Recipe, shard: str, asked: Sequence[str] | None, people: People | None = None
    ) -> None:
        self.shard, self._shelf, self._people = shard, shelf, people or People(shelf)
        facts = [name for name in FACTS if name in (asked or ()) and name not in _OF_PARTS]
        self._catalog = shelf.catalog(shard, [*facts, "failed"])
        self.count: int = self._catalog.num_rows
        failed = pc.not_equal(self._catalog["failed"], "").to_numpy()
        said = self._catalog["failed"].filter(pa.array(failed)).to_pylist()
        self.failed_at_door: dict[int, str] = dict(zip(np.flatnonzero(failed).tolist(), said, strict=True))
        if asked is not None and DIFFICULTY.name in asked:
            asked = (*asked, PASS_RATE.name)
        self.notes = {
            place: Notes(shelf, step.annotator, recipe.ids[place], shard, self.count, asked)
            for place, step in enumerate(recipe.steps)
            if isinstance(step, Annotate)
        }
        self._writer = recipe.writer
        self._read: dict[str, NDArray[Any] | Lists] = {}

    def columns(self, names: Iterable[str], rows: NDArray[np.int64], left_out: LeftOut = NOTHING) -> Columns:
        """Return these columns of these rows; every row must have been looked at by the annotators that write them.

        Lists called `text` or `text_...` hold a value per text, those called `picture_...` one per picture; those of
        parts left out are not in them.
        """
        return Columns(len(rows), {name: self._column(name, rows, left_out) for name in names})

    def _column(self, name: str, rows: NDArray[np.int64], left_out: LeftOut) -> NDArray[Any] | Lists:
        if name in self._writer:
            column = with_people(self.words, name, rows, self._noted(name, rows), self._noted)
        elif name in BY_PEOPLE:
            column = by_people_alone(self.words, rows, name, BY_PEOPLE[name].kind)
        else:
            column = self._fact(name, rows)
        if isinstance(column, Lists) and left_out and (places := self._places_of(name, rows)):
            return column.where(_stay(places, rows, left_out))
        return column

    def _noted(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any] | Lists:
        return self.notes[self._writer[name]].column(name, rows)

    @cached_property
    def words(self) -> Words:
        """What people say of the shard's rows."""
        return self._people.words(self.shard)

    def _places_of(self, name: str, rows: NDArray[np.int64]) -> Lists | None:
        """Return the places among the parts that a list's values belong to, None where they belong to none."""
        if name == "text" or name.startswith("text_"):
            places = self._fact("text_parts", rows)
        elif name.startswith("picture_"):
            places = self._fact("picture_part", rows)
        else:
            return None
        assert isinstance(places, Lists)
        return places

    def _fact(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any] | Lists:
        found = self._facts(name)
        if len(rows) == self.count and (rows == np.arange(self.count)).all():
            return found
        return found.take(rows) if isinstance(found, Lists) else found[rows]

    def _facts(self, name: str) -> NDArray[Any] | Lists:
        if name not in self._read:
            if name in _OF_PARTS:
                told, dtype = _OF_PARTS[name]
                parts = self._shelf.catalog(self.shard, ["parts"])["parts"].to_pylist()
                self._read[name] = Lists.of([told(_decode_parts.decode(one)) for one in parts], dtype)
            else:
                kept = self._catalog if name in self._catalog.column_names else self._shelf.catalog(self.shard, [name])
                self._read[name] = to_numpy(kept[name])
        return self._read[name]

    @cached_property
    def _whole(self) -> pa.Table:
        return self._shelf.catalog(self.shard, list(_SAMPLE))

    def samples(self, rows: Sequence[int]) -> list[tuple[Sample, str, tuple[int, ...]]]:
        """Return samples with the tar that holds their bytes and where in it each part begins."""
        taken = self._whole.take(list(rows))
        keys = taken["key"].combine_chunks().storage.to_pylist()
        others = (taken[name].to_pylist() for name in _SAMPLE[1:])
        return [
            (
                Sample(key.hex(), _decode_parts.decode(parts), Source(dataset, name, uri, licence, parent, meta)),
                media,
                tuple(offsets),
            )
            for key, parts, dataset, name, uri, licence, parent, meta, media, offsets in zip(keys, *others, strict=True)
        ]

    def key(self, row: int) -> str:
        """Return a row's key, 32 hex digits."""
        keys = self._facts("key")
        assert not isinstance(keys, Lists)
        return keys[row : row + 1].tobytes().hex()


def _stay(places: Lists, rows: NDArray[np.int64], left_out: LeftOut) -> NDArray[np.bool_]:
    """Say of each part of these rows whether it was not left out."""
    stay = np.ones(len(places.values), np.bool_)
    for at in np.flatnonzero(np.isin(rows, np.fromiter(left_out, np.int64, len(left_out)))).tolist():
        first, end = places.offsets[at], places.offsets[at + 1]
        stay[first:end] = ~np.isin(places.values[first:end], left_out[int(rows[at])])
    return stay
