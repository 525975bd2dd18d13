"""Parents: the samples of a shelf, for sources that make further samples of them.

A sample that was made of another is none, so that nothing is made of what was made. Media are not copied: a child's
pictures are the bytes of its parent's, by reference into the tar that holds them.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pipelines.ingest.row import Ref, Row
from pipelines.ingest.source import open_url, stamp_of
from pipelines.shelf.shelf import Shelf
from schemas.sample import Sample, Source, Text, from_columns

_COLUMNS = ["key", "parts", "dataset", "name", "uri", "licence", "parent", "meta", "media", "offsets", "failed"]


class Parent(Struct, frozen=True):
    """A sample, the shard that it stands in, and where the bytes of its pictures and clips are."""

    shard: str
    sample: Sample
    refs: tuple[Ref, ...]

    def child(self, made: str, texts: tuple[tuple[str, str], ...], texts_before: tuple[int, ...], meta: str) -> Row:
        """Return the row of a sample made of this one, with all its pictures and clips; of one that was made itself,
        its parent is the parent."""
        source = self.sample.source
        return Row(
            self.name(made),
            self.refs,
            texts,
            uri=source.uri,
            licence=source.licence,
            parent=source.parent or self.sample.key,
            meta=meta,
            texts_before=texts_before,
        )

    def failed(self, made: str, reason: str, detail: str) -> Row:
        """Return the row of a sample that could not be made of this one."""
        return Row(self.name(made), parent=self.sample.key, meta=detail, failed=reason)

    def name(self, made: str) -> str:
        """Return the name of the row that is made of this one."""
        return f"{self.sample.source.dataset}/{self.sample.source.row}#{made}"

    @property
    def texts_before(self) -> tuple[int, ...]:
        """How many texts stand before each of its pictures and clips."""
        told, found = 0, list[int]()
        for part in self.sample.parts:
            if isinstance(part, Text):
                told += 1
            else:
                found.append(told)
        return tuple(found)


def parents(shelf: Shelf, *, is_here: bool, made: bool = False) -> Iterator[Parent]:
    """Yield the samples of a shelf that were made of no other, in order; raises BadInput where it has no shard.

    `made`: those too that were.

    `is_here`: their children go to the same shelf, where a tar is named relative to it and never changes.
    """
    stamps: dict[str, str] = {}
    for shard in shelf.need_shards():
        for row in shelf.catalog(shard, _COLUMNS).to_pylist():
            if row["failed"] or (row["parent"] and not made):
                continue
            source = Source(row["dataset"], row["name"], row["uri"], row["licence"], row["parent"], row["meta"])
            sample = from_columns(row["key"].hex, row["parts"], source)
            url = shelf.media_url(row["media"]) if row["media"] else ""
            if url and url not in stamps and not is_here:
                fs, path = open_url(url)
                stamps[url] = stamp_of(fs.info(path))
            named = row["media"] if is_here else url
            refs = tuple(
                Ref(named, f"{sample.key}.{place}.{part.extension}", offset, part.size_bytes, stamps.get(url, ""))
                for (place, part), offset in zip(sample.media(), row["offsets"], strict=True)
            )
            yield Parent(shard, sample, refs)
