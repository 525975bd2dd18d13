"""Samples as they leave: whole ones, built from the columns of those that were chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from pipelines.export.choose import Kept
from pipelines.notes import read_pieces
from pipelines.shelf import Shelf
from pipelines.table import uuid_hexes
from schemas.sample import Image, Part, Sample, Source

COLUMNS = ("key", "parts", "dataset", "name", "uri", "licence", "parent", "meta", "media", "offsets")
_SIZE = ("row", "width_px", "height_px")
_decode_parts = msgspec.json.Decoder(tuple[Part, ...])

Sizes = Mapping[int, tuple[int, int]]


class Leaving(Struct, frozen=True):
    """A sample as it was ingested, where its bytes are, and as it leaves."""

    ingested: Sample
    media: str
    offsets: tuple[int, ...]
    exported: Sample


def leaving(kept: Kept, sizes: Sizes) -> Iterator[Leaving]:
    """Yield the samples of columns that hold COLUMNS, with the width and height of their first picture."""
    keys = uuid_hexes(kept.catalog["key"])
    others = (kept.catalog[name].to_pylist() for name in COLUMNS[1:])
    for at, (key, parts, dataset, name, uri, licence, parent, meta, media, offsets) in enumerate(
        zip(keys, *others, strict=True)
    ):
        source = Source(dataset, name, uri, licence, parent, meta)
        ingested = Sample(key, _decode_parts.decode(parts), source)
        sized, gone = _with_size(ingested.parts, sizes.get(int(kept.rows[at]))), {*kept.gone.row(at).tolist()}
        exported = Sample(key, tuple(part for place, part in enumerate(sized) if place not in gone), source)
        yield Leaving(ingested, media, tuple(offsets), exported)


def sizes_noted(shelf: Shelf, annotator_ids: Sequence[str], shard: str) -> Sizes:
    """Return width and height of the first picture of each row, where the recipe has an annotator that noted it."""
    for annotator_id in annotator_ids:
        found: dict[int, tuple[int, int]] = {}
        for _, piece in read_pieces(shelf, annotator_id, shard):
            if not {*_SIZE} <= {*piece.column_names}:
                break
            rows, widths, heights = (piece[name].to_pylist() for name in _SIZE)
            noted = zip(rows, widths, heights, strict=True)
            found.update({row: (width, height) for row, width, height in noted if width and height})
        if found:
            return found
    return {}


def _with_size(parts: tuple[Part, ...], size: tuple[int, int] | None) -> tuple[Part, ...]:
    """Write the noted width and height into the first picture."""
    first = next((place for place, part in enumerate(parts) if isinstance(part, Image)), None)
    if size is None or first is None:
        return parts
    sized = msgspec.structs.replace(parts[first], width_px=size[0], height_px=size[1])
    return (*parts[:first], sized, *parts[first + 1 :])
