"""Facts: everything that is known of one shard's samples, as columns that filters judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns, Lists
from pipelines.notes import Notes
from pipelines.recipe import FACTS, Annotate, Recipe
from pipelines.shelf import Shelf
from schemas.sample import Part, Sample, Source, Text

_DTYPES: dict[str, Any] = {
    "uuid": "S16",
    "bool": np.bool_,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "int64": np.int64,
    "float64": np.float64,
    "string": object,
}
_FACT_KINDS = {
    "key": "uuid",
    "digest": "uuid",
    "size_bytes": "int64",
    "images": "uint16",
    "videos": "uint16",
    "texts": "uint16",
    "dataset": "string",
    "licence": "string",
    "text": "list<string>",
    "text_chars": "list<int64>",
    "text_parts": "list<int64>",
}

LeftOut = Mapping[int, tuple[int, ...]]
NOTHING: LeftOut = {}
_decode_parts = msgspec.json.Decoder(tuple[Part, ...])


class Facts:
    """One shard under one recipe: its catalogue, and the notes of the recipe's annotators."""

    def __init__(self, shelf: Shelf, recipe: Recipe, shard: str) -> None:
        self.shard, self._recipe = shard, recipe
        self._catalog = shelf.catalog(shard)
        self.count: int = self._catalog.num_rows
        self.failed_at_door: list[str] = self._catalog["failed"].to_pylist()
        self.notes = {
            place: Notes(shelf, step.annotator, recipe.ids[place], shard)
            for place, step in enumerate(recipe.steps)
            if isinstance(step, Annotate)
        }
        self._kinds: dict[str, str] = {name.name: name.kind for _, a in recipe.annotators() for name in a.writes}
        self._slot = {
            name.name: (place, slot) for place, a in recipe.annotators() for slot, name in enumerate(a.writes)
        }
        self._cache: dict[str, list[Any]] = {}

    def columns(self, names: Iterable[str], rows: NDArray[np.int64], left_out: LeftOut = NOTHING) -> Columns:
        """Return these columns of these rows; every row must have been looked at by the annotators that write them.

        Lists called `text` or `text_...` hold a value per text; those of texts left out are not in them.
        """
        return Columns(len(rows), {name: self._column(name, rows.tolist(), left_out) for name in names})

    def _column(self, name: str, rows: list[int], left_out: LeftOut) -> NDArray[Any] | Lists:
        if name in self._slot:
            place, slot = self._slot[name]
            noted, kind = self.notes[place].values, self._kinds[name]
            chosen = [noted[row][slot] for row in rows]
        else:
            everywhere, kind = self._fact(name), _FACT_KINDS[name]
            chosen = [everywhere[row] for row in rows]
        if left_out and kind.startswith("list<") and (name == "text" or name.startswith("text_")):
            places = self._fact("text_parts")
            for at, row in enumerate(rows):
                if gone := left_out.get(row):
                    pairs = zip(chosen[at], places[row], strict=True)
                    chosen[at] = [value for value, place in pairs if place not in gone]
        return _pack(chosen, kind)

    def _fact(self, name: str) -> list[Any]:
        if name not in FACTS:
            raise KeyError(name)
        if name not in self._cache:
            if name == "text":
                parts = (_decode_parts.decode(one) for one in self._catalog["parts"].to_pylist())
                found = [[p.text for p in row if isinstance(p, Text)] for row in parts]
            elif _FACT_KINDS.get(name) == "uuid":
                found = self._catalog[name].combine_chunks().storage.to_pylist()
            else:
                found = self._catalog[name].to_pylist()
            self._cache[name] = found
        return self._cache[name]

    def samples(self, rows: Sequence[int]) -> list[tuple[Sample, str, tuple[int, ...]]]:
        """Return samples with the tar that holds their bytes and where in it each part begins."""
        columns = ("key", "parts", "dataset", "name", "uri", "licence", "parent", "meta", "media", "offsets")
        taken = self._catalog.select(columns).take(list(rows))
        keys = taken["key"].combine_chunks().storage.to_pylist()
        others = (taken[name].to_pylist() for name in columns[1:])
        return [
            (
                Sample(key.hex(), _decode_parts.decode(parts), Source(dataset, name, uri, licence, parent, meta)),
                media,
                tuple(offsets),
            )
            for key, parts, dataset, name, uri, licence, parent, meta, media, offsets in zip(keys, *others, strict=True)
        ]

    def keys(self) -> list[bytes]:
        """Return the keys of all rows, 16 bytes each."""
        return self._fact("key")


def _pack(values: list[Any], kind: str) -> NDArray[Any] | Lists:
    if kind.startswith("list<"):
        return Lists.of(values, _DTYPES[kind[5:-1]])
    if kind == "string":
        packed = np.empty(len(values), object)
        packed[:] = values
        return packed
    return np.array(values, _DTYPES[kind])
