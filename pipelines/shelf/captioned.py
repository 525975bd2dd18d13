"""The pictures of a shelf with their texts, for what learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from annotators.annotator import Subject
from pipelines.shelf.media import MediaReader
from pipelines.shelf.shelf import Shelf
from schemas.sample import Image, Source, from_columns


def captioned(shelf: Shelf) -> Iterator[tuple[bytes, list[str]]]:
    """Yield the bytes of each sample's first picture and its texts, of those samples that have both."""
    with closing(MediaReader()) as read:
        for shard in shelf.need_shards():
            for row in shelf.catalog(shard, ["key", "parts", "media", "offsets", "failed"]).to_pylist():
                sample = from_columns(str(row["key"]), row["parts"], Source("", ""))
                texts = [text.text for text in sample.texts if text.text.strip()]
                pictures = [part for _, part in sample.media() if isinstance(part, Image)]
                if texts and pictures and not row["failed"]:
                    subject = Subject(sample, shelf.media_url(row["media"]), tuple(row["offsets"]), {}, read)
                    yield subject.content(pictures[0]), texts
