"""The pictures of a shelf, each once, for what learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from annotators.annotator import Subject
from pipelines.shelf.media import MediaReader
from pipelines.shelf.shelf import Shelf
from schemas.sample import Image, Source, from_columns


def pictures(shelf: Shelf) -> Iterator[tuple[str, str, bytes]]:
    """Yield digest, a name for people, and the bytes of each picture; of copies the first that stands on the shelf."""
    seen = set[str]()
    with closing(MediaReader()) as read:
        for shard in shelf.need_shards():
            columns = ["key", "dataset", "name", "parts", "media", "offsets", "failed"]
            for row in shelf.catalog(shard, columns).to_pylist():
                sample = from_columns(str(row["key"]), row["parts"], Source("", ""))
                if row["failed"]:
                    continue
                subject = Subject(sample, shelf.media_url(row["media"]), tuple(row["offsets"]), {}, read)
                for _, part in sample.media():
                    if isinstance(part, Image) and part.digest not in seen:
                        seen.add(part.digest)
                        yield part.digest, f"{row['dataset']}/{row['name']}", subject.content(part)
