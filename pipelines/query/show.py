"""A sample as it came: its parts, and its original bytes."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

from msgspec import Struct

from annotators.annotator import Subject
from pipelines.media import MediaReader
from pipelines.query.choose import find_sample
from pipelines.shelf import Shelf
from schemas.form import media_extensions
from schemas.sample import Sample, Source, from_columns


class Shown(Struct, frozen=True):
    """A sample, and where its bytes are."""

    sample: Sample
    media: str
    offsets: tuple[int, ...]


def sample_at(db: Any, shelf: Shelf, asked: str) -> Shown:
    """Return the sample that is asked for; raises BadInput where there is none."""
    place = find_sample(db, shelf, asked)
    [row] = shelf.catalog(place.shard).slice(place.row, 1).to_pylist()
    source = Source(row["dataset"], row["name"], row["uri"], row["licence"], row["parent"], row["meta"])
    return Shown(from_columns(place.key, row["parts"], source), row["media"], tuple(row["offsets"]))


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
