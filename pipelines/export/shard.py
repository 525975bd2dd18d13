"""Writing a shard of an export: its tar, then its sidecar, whose presence says that the shard is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import IO, Any

import numpy as np
from msgspec import Struct

from annotators.annotator import Subject
from pipelines.export.choose import Choosing, Kept, Rule
from pipelines.export.cut import Planned
from pipelines.export.folder import Folder
from pipelines.export.hashed import digest_of, file_of, memory, publish_hashed
from pipelines.export.manifest import File
from pipelines.export.samples import (
    COLUMNS,
    Leaving,
    Recaptions,
    leaving,
    noted,
    recaptions_drawn,
)
from pipelines.export.sidecar import Sidecar, columns_of
from pipelines.record import log
from pipelines.shelf.media import MediaReader
from pipelines.shelf.people import People
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import parquet_bytes, table_of, uuid_hexes
from schemas.errors import Unavailable
from schemas.form import write_exported
from schemas.sample import Sample
from schemas.tables import PEOPLE, SIDECAR, Column
from schemas.tar import Writer


class ExportShard(Struct, frozen=True):
    """Work: write one planned shard, unless it is done, and return its two files as the manifest lists them."""

    shelf_url: str
    to: str
    recipe_id: str
    annotator_ids: tuple[str, ...]
    rule: Rule
    planned: tuple[Planned, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], tuple[File, File]]]:
        """Open the media and the opt-out list, and yield what writes one shard."""
        shelf, folder = Shelf(self.shelf_url), Folder(self.to)
        people = People(shelf)
        choosing = Choosing(shelf, self.recipe_id, self.rule, COLUMNS)
        by_path = {planned.path: planned for planned in self.planned}
        with closing(MediaReader()) as read:

            def samples(planned: Planned) -> Iterator[tuple[Sample, list[bytes]]]:
                for span in planned.spans:
                    sizes, durations = noted(shelf, self.annotator_ids, span.shard)
                    recaptions = self._recaptions(shelf, span.shard)
                    words = people.words(span.shard) if people.desks else None
                    for kept in choosing.choose(span.shard, np.arange(span.first, span.end)):
                        there = _of_folder(choosing, kept.leaving(), planned.folder)
                        for one in leaving(there, sizes, durations, recaptions, words):
                            yield one.exported, _contents(shelf, one, read)

            columns = (*SIDECAR, *(PEOPLE if people.desks else ()))

            def write(path: str) -> tuple[File, File]:
                return write_shard(folder, by_path[path], lambda file: _write(file, samples(by_path[path]), columns))

            yield write

    def _recaptions(self, shelf: Shelf, shard: str) -> Recaptions:
        share = self.rule.recaption_share
        keys = uuid_hexes(shelf.catalog(shard, ["key"])["key"]) if share else []
        return recaptions_drawn(shelf, self.annotator_ids, shard, share, keys)


def _of_folder(choosing: Choosing, kept: Kept, folder: str) -> Kept:
    """Return the samples of one folder."""
    folders, names = choosing.folders(kept)
    return kept.take(np.flatnonzero(np.array(names, object)[folders] == folder))


def _contents(shelf: Shelf, one: Leaving, read: MediaReader) -> list[bytes]:
    """Return the original bytes of the pictures and videos that are exported, their digests checked."""
    subject = Subject(one.ingested, shelf.media_url(one.media), one.offsets, {}, read)
    by_digest = {part.digest: part for _, part in one.ingested.media()}
    return [subject.content(by_digest[part.digest]) for _, part in one.exported.media()]


def _write(
    file: IO[bytes], samples: Iterator[tuple[Sample, list[bytes]]], columns: Sequence[Column]
) -> Mapping[str, Any]:
    tar, sidecar = Writer(file), Sidecar(columns)
    for sample, contents in samples:
        sidecar.add(sample, write_exported(tar, sample, contents))
    tar.close()
    return sidecar.columns


def write_shard(folder: Folder, planned: Planned, write: Callable[[IO[bytes]], Mapping[str, Any]]) -> tuple[File, File]:
    """Publish a shard, unless it is done, through `write`, which writes the tar and returns the sidecar's columns.

    Raises Unavailable where the samples are not as many as were planned.
    """
    tar, table = f"{planned.path}.tar", f"{planned.path}.parquet"
    if folder.fs.isfile(folder.path(table)) and folder.fs.isfile(folder.path(tar)):
        return (
            File(tar, *digest_of(folder.fs, folder.path(tar)), planned.samples),
            File(table, *digest_of(folder.fs, folder.path(table)), planned.samples),
        )
    written, began = list[Mapping[str, Any]](), time.monotonic()

    def write_checked(file: IO[bytes]) -> None:
        columns = write(file)
        found = len(columns["key"])
        if found != planned.samples:
            raise Unavailable(
                f"{planned.samples} samples were planned, {found} are there: what it is made from changed meanwhile",
                where=tar,
                remedy="run the same command again with --replace",
            )
        written.append(columns)

    tar_file = File(tar, *publish_hashed(folder.fs, folder.path(tar), write_checked), planned.samples)
    columns = columns_of(list(written[-1])) or SIDECAR
    rows = table_of(columns, written[-1])
    data = memory(lambda file: parquet_bytes(rows, columns, file))
    folder.put(table, data)
    seconds = round(time.monotonic() - began, 3)
    log.event("exported", shard=planned.path, samples=planned.samples, size_bytes=tar_file.size_bytes, seconds=seconds)
    return tar_file, file_of(table, data, planned.samples)
