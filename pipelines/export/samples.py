"""Samples as they leave: whole ones, built from the columns of those that were chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pyarrow as pa
from msgspec import Struct

from pipelines.export.choose import Kept
from pipelines.export.people import words_of_sample
from pipelines.shelf.notes import read_pieces
from pipelines.shelf.people import Words
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import uuid_hexes
from schemas.draw import fraction
from schemas.form import caption_place
from schemas.sample import Image, Part, Sample, Source, Text, Video
from schemas.vocabulary.captions import RECAPTION
from schemas.vocabulary.video import DURATION_S

COLUMNS = ("key", "parts", "dataset", "name", "uri", "licence", "parent", "meta", "media", "offsets")
_SIZE = ("row", "width_px", "height_px")
_SIZES = ("row", "picture_part", "picture_width_px", "picture_height_px")
_decode_parts = msgspec.json.Decoder(tuple[Part, ...])

Sizes = Mapping[int, Mapping[int, tuple[int, int]]]
"""Width and height of pictures by row and place among the parts; FIRST is the first picture, wherever it stands."""
FIRST = -1
Durations = Mapping[int, float]
"""Seconds of each row's first clip."""
Recaptions = Mapping[int, str]


class Leaving(Struct, frozen=True):
    """A sample as it was ingested, where its bytes are, and as it leaves."""

    ingested: Sample
    media: str
    offsets: tuple[int, ...]
    exported: Sample


def leaving(
    kept: Kept, sizes: Sizes, durations: Durations, recaptions: Recaptions, words: Words | None = None
) -> Iterator[Leaving]:
    """Yield the samples of columns that hold COLUMNS, with the width and height of their pictures, how long their clips
    are, with those of the recaptions that were drawn, and with people's words, None where nobody was asked."""
    keys = uuid_hexes(kept.catalog["key"])
    others = (kept.catalog[name].to_pylist() for name in COLUMNS[1:])
    for at, (key, parts, dataset, name, uri, licence, parent, meta, media, offsets) in enumerate(
        zip(keys, *others, strict=True)
    ):
        source = Source(dataset, name, uri, licence, parent, meta)
        ingested = Sample(key, _decode_parts.decode(parts), source)
        row, gone = int(kept.rows[at]), {*kept.gone.row(at).tolist()}
        timed = _with_duration(_with_sizes(ingested.parts, sizes.get(row, {})), durations.get(row, 0.0))
        whole = _recaptioned(timed, recaptions.get(row, ""))
        people = "" if words is None else words_of_sample(words.get(row, ()), gone)
        exported = Sample(key, tuple(part for place, part in enumerate(whole) if place not in gone), source, people)
        yield Leaving(ingested, media, tuple(offsets), exported)


def noted(shelf: Shelf, annotator_ids: Sequence[str], shard: str) -> tuple[Sizes, Durations]:
    """Return width and height of each row's pictures, of the first one or of all, and how long its first clip is.

    Of several annotators of the recipe that note them, the first that says something of any row has the word.
    """
    sizes: dict[int, dict[int, tuple[int, int]]] = {}
    durations: dict[int, float] = {}
    for annotator_id in annotator_ids:
        own_sizes: dict[int, dict[int, tuple[int, int]]] = {}
        own_durations: dict[int, float] = {}
        for _, piece in read_pieces(shelf, annotator_id, shard):
            if not {"width_px", "picture_width_px", DURATION_S.name}.intersection(piece.column_names):
                break
            own_sizes.update(_sizes_of(piece))
            own_durations.update(_durations_of(piece))
        sizes, durations = sizes or own_sizes, durations or own_durations
        if sizes and durations:
            break
    return sizes, durations


def _sizes_of(piece: pa.Table) -> Iterator[tuple[int, dict[int, tuple[int, int]]]]:
    if {*_SIZES} <= {*piece.column_names}:
        for row, places, *sides in zip(*(piece[name].to_pylist() for name in _SIZES), strict=True):
            yield row, dict(zip(places or (), zip(*(one or () for one in sides), strict=True), strict=True))
    elif {*_SIZE} <= {*piece.column_names}:
        for row, width, height in zip(*(piece[name].to_pylist() for name in _SIZE), strict=True):
            if width and height:
                yield row, {FIRST: (width, height)}


def _durations_of(piece: pa.Table) -> Iterator[tuple[int, float]]:
    if DURATION_S.name in piece.column_names:
        rows = zip(piece["row"].to_pylist(), piece[DURATION_S.name].to_pylist(), strict=True)
        yield from ((row, seconds) for row, seconds in rows if seconds)


def recaptions_drawn(
    shelf: Shelf, annotator_ids: Sequence[str], shard: str, share: float, keys: Sequence[str]
) -> Recaptions:
    """Return the recaption of each row of a shard that has one and whose key draws less than `share`.

    `keys` are the shard's, by row; the draw hangs on the key alone.
    """
    found: dict[int, str] = {}
    for annotator_id in annotator_ids if share else ():
        for _, piece in read_pieces(shelf, annotator_id, shard):
            if RECAPTION.name not in piece.column_names:
                break
            said = zip(piece["row"].to_pylist(), piece[RECAPTION.name].to_pylist(), strict=True)
            found.update({row: text for row, text in said if text and fraction(keys[row], "recaption") < share})
    return found


def _recaptioned(parts: tuple[Part, ...], recaption: str) -> tuple[Part, ...]:
    """Put a recaption in the place of the caption that it rewrites."""
    place = caption_place(parts) if recaption else None
    if place is None:
        return parts
    return (*parts[:place], Text(recaption, "recaption"), *parts[place + 1 :])


def _with_sizes(parts: tuple[Part, ...], sizes: Mapping[int, tuple[int, int]]) -> tuple[Part, ...]:
    """Write the noted widths and heights into the pictures."""
    if not sizes:
        return parts
    first = next((place for place, part in enumerate(parts) if isinstance(part, Image)), -1)
    sized = list(parts)
    for place, (width_px, height_px) in sizes.items():
        at = first if place == FIRST else place
        if at >= 0 and width_px and height_px:
            sized[at] = msgspec.structs.replace(sized[at], width_px=width_px, height_px=height_px)
    return tuple(sized)


def _with_duration(parts: tuple[Part, ...], seconds: float) -> tuple[Part, ...]:
    """Write the noted duration into the first clip."""
    place = next((place for place, part in enumerate(parts) if isinstance(part, Video)), -1)
    if not seconds or place < 0:
        return parts
    return (*parts[:place], msgspec.structs.replace(parts[place], duration_s=seconds), *parts[place + 1 :])
