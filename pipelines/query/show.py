"""A sample as it came: its parts, and its original bytes."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

import msgspec
from msgspec import Struct

from annotators.annotator import Subject
from pipelines.query.choose import Place, find_sample
from pipelines.query.drawn import drawn
from pipelines.query.places import places_of
from pipelines.shelf.media import MediaReader
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.form import media_extensions
from schemas.note import Note
from schemas.sample import Sample, Source, from_columns


class Shown(Struct, frozen=True):
    """A sample, where it stands, and where its bytes are."""

    place: Place
    sample: Sample
    media: str
    offsets: tuple[int, ...]


def sample_at(db: Any, shelf: Shelf, asked: str) -> Shown:
    """Return the sample that is asked for; raises BadInput where there is none."""
    place = find_sample(db, shelf, asked)
    [row] = shelf.catalog(place.shard).slice(place.row, 1).to_pylist()
    source = Source(row["dataset"], row["name"], row["uri"], row["licence"], row["parent"], row["meta"])
    return Shown(place, from_columns(place.key, row["parts"], source), row["media"], tuple(row["offsets"]))


def write_media(shelf: Shelf, shown: Shown, folder: str) -> list[str]:
    """Write a sample's pictures and videos, byte for byte, and return their paths."""
    os.makedirs(folder, exist_ok=True)
    written: list[str] = []
    with closing(MediaReader()) as read:
        subject = Subject(shown.sample, shelf.media_url(shown.media), shown.offsets, {}, read)
        for _, part, extension in media_extensions(shown.sample):
            path = os.path.join(folder, f"{shown.sample.key}.{extension}")
            with open(path, "wb") as file:
                file.write(subject.content(part))
            written.append(path)
    return written


def write_drawn(shelf: Shelf, shown: Shown, path: str) -> int:
    """Write a sample's first picture with what every annotator noted on places of it; return how many notes there are.

    Raises BadSample where it has no picture, and BadInput where the file's name ends in no format of pictures.
    """
    annotators = [SOURCE_NOTES, *(name for name in shelf.folders("notes") if name != SOURCE_NOTES)]
    said = places_of(shelf, annotators, shown.place.shard).get(shown.place.row, [])
    notes = [note for _, one in said for note in msgspec.json.decode(one, type=list[Note])]
    with closing(MediaReader()) as read:
        data = Subject(shown.sample, shelf.media_url(shown.media), shown.offsets, {}, read).content()
    try:
        drawn(data, notes).save(path)
    except ValueError as error:
        raise BadInput(str(error), where=path, remedy="give a name that ends in .png or .jpg") from None
    return len(notes)
