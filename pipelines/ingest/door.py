"""The door: planned rows become samples. Bytes are read once, hashed, and kept as they are; nothing is decoded.

For each shard: media first, then what the source noted, the catalogue last, since its file says that the shard is
done. A row that can be no sample is a `failed` row of the catalogue.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, structs

from pipelines.documents.pieces import Pieces
from pipelines.ingest.cells import CellReader
from pipelines.ingest.exported import contents_of, exported
from pipelines.ingest.manners import Manners
from pipelines.ingest.parts import identity, in_order, media_of, utf8
from pipelines.ingest.row import Cell, Ref, Row, Written, from_json
from pipelines.ingest.source import open_url, stamp_of
from pipelines.ingest.taken_apart import Documents, as_row, whole
from pipelines.ingest.told import Told
from pipelines.ingest.told import told as tell
from pipelines.ingest.urls import fetched_meta
from pipelines.record import log
from pipelines.record.failure import Failure
from pipelines.record.record import too_many
from pipelines.shelf.held import held
from pipelines.shelf.media import MediaReader
from pipelines.shelf.notes import SOURCE_NOTES, places_json
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import put_table, read_table, uuid_bytes
from schemas import form
from schemas.errors import BadSample, TooManyFailed, Unavailable
from schemas.note import Note
from schemas.publish import publish
from schemas.sample import (
    Image,
    Sample,
    Source,
    Text,
    Video,
    key_of,
    part_digest,
    parts_json,
)
from schemas.tables import CATALOG, PLACES, SEEN, Column
from schemas.tar import Writer

if TYPE_CHECKING:
    from pipelines.ingest.fetch import Fetcher

T = TypeVar("T")

MOST_PARTS = 65_535
MOST_BYTES = 4 << 30


class Made(Struct, frozen=True):
    """What a shard holds, samples and failed rows by reason, and the details of those that failed just now; how many of
    its samples are videos."""

    counts: dict[str, int]
    failures: list[Failure]
    videos: int = 0


class IngestShard(Struct, frozen=True):
    """Work: make one planned shard, unless its catalogue is there."""

    shelf_url: str
    by_reference: bool
    licence: str
    max_failed: float
    manners: Manners = Manners()

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Made]]:
        """Yield what makes one shard."""
        with _Bytes(self.manners) as read:
            yield lambda shard: _Making(self, read, shard).run()


class _Bytes(ExitStack):
    """Where bytes come from: files, cells of parquet and, opened when there are any, links and documents."""

    def __init__(self, manners: Manners) -> None:
        super().__init__()
        self._manners = manners
        self._fetcher: Fetcher | None = None
        self.of_file = self.enter_context(closing(MediaReader()))
        self.of_cell = self.enter_context(closing(CellReader()))
        self.documents = self.enter_context(Documents())

    def of_links(self, links: Sequence[str]) -> Generator[bytes | BadSample]:
        """Yield what each link leads to, in order."""
        if not links:
            return
        from pipelines.ingest.fetch import Fetcher

        if self._fetcher is None:
            self._fetcher = self.enter_context(Fetcher(self._manners))
        yield from self._fetcher.fetch(links)


class _Making:
    """One shard in the making."""

    def __init__(self, work: IngestShard, read: _Bytes, shard: str) -> None:
        self._work, self._read, self._shard = work, read, shard
        self._shelf = Shelf(work.shelf_url)
        self._columns: dict[str, list[Any]] = {column.name: [] for column in CATALOG}
        self._noted: list[tuple[int, tuple[Note, ...]]] = []
        self._stamps: dict[str, str] = {}
        self._failures: list[Failure] = []

    def run(self) -> Made:
        catalog = self._shelf.path("catalog", f"{self._shard}.parquet")
        with held(self._shelf, self._shard):
            self._make(catalog)
        made = read_table(self._shelf.fs, catalog, ["failed", "videos"]).to_pydict()
        counts = dict(Counter(reason or "samples" for reason in made["failed"]))
        return Made(counts, self._failures, sum(videos > 0 for videos in made["videos"]))

    def _make(self, catalog: str) -> None:
        began = time.monotonic()
        if not self._shelf.fs.isfile(catalog):
            plan = read_table(self._shelf.fs, self._shelf.path("plan", f"{self._shard}.parquet")).to_pydict()
            rows = list(zip(plan["dataset"], plan["name"], map(from_json, plan["payload"]), strict=True))
            if self._work.by_reference:
                self._take_rows(rows, None)
            else:
                publish(self._shelf.fs, self._shelf.path("media", f"{self._shard}.tar"), lambda f: self._copy(rows, f))
            self._put_source_notes()
            put_table(self._shelf.fs, catalog, CATALOG, self._columns, exclusive=True)
            seconds = round(time.monotonic() - began, 3)
            log.event("ingested", shard=self._shard, rows=len(rows), failed=len(self._failures), seconds=seconds)

    def _copy(self, rows: list[tuple[str, str, Row]], file: IO[bytes]) -> None:
        tar = Writer(file)
        self._take_rows(rows, tar)
        tar.close()

    def _take_rows(self, rows: list[tuple[str, str, Row]], tar: Writer | None) -> None:
        documents = self._read.documents.take_apart([self._unchanged(row.document) for *_, row in rows if row.document])
        with closing(self._read.of_links([link for *_, row in rows for link in row.links])) as fetched:
            self._take(rows, tar, fetched, documents)
        self._stop_if_too_many()

    def _unchanged(self, document: Written) -> Written | BadSample:
        try:
            self._see_unchanged(document.ref)
            return document
        except BadSample as bad:
            return bad

    def _take(
        self,
        rows: list[tuple[str, str, Row]],
        tar: Writer | None,
        fetched: Iterator[bytes | BadSample],
        documents: Iterator[Pieces | BadSample],
    ) -> None:
        for dataset, name, row in rows:
            came = [next(fetched) for _ in row.links]
            pieces = next(documents) if row.document else None
            try:
                sample, contents = self._sample(dataset, name, row, came, pieces)
            except BadSample as bad:
                self._fail(dataset, name, row, bad)
                continue
            if tar:
                media, offsets = f"media/{self._shard}.tar", form.write(tar, sample, contents)
            else:
                media = self._shelf.media_name(row.media[0].url) if row.media else ""
                offsets = [ref.offset for ref in row.media]
            self._catalogue(sample, media, offsets)
            if row.notes:
                self._noted.append((len(self._columns["row"]) - 1, row.notes))

    def _sample(
        self, dataset: str, name: str, row: Row, came: Sequence[bytes | BadSample], pieces: Pieces | BadSample | None
    ) -> tuple[Sample, list[bytes]]:
        if row.failed:
            raise BadSample(row.failed, row.meta)
        in_document: tuple[tuple[str, bytes], ...] = ()
        if pieces is not None:
            found = whole(row, _or_raise(pieces), self._whole_file)
            row, in_document = as_row(row, found), found.pictures
        named = list(in_document)
        named += [(ref.name, self._bytes(ref)) for ref in row.media]
        named += [(cell.column, content) for cell in row.cells for content in self._cell(cell)]
        named += [(link, _or_raise(content)) for link, content in zip(row.links, came, strict=True)]
        contents = [content for _, content in named]
        beside = utf8(self._bytes(row.json_file), row.json_file.name) if row.json_file else ""
        if sample := exported(beside):
            return self._read_back(dataset, name, sample), contents_of(sample, named)
        media = [media_of(about, content) for about, content in named]
        if row.texts_before and len(row.texts_before) != len(media):
            raise BadSample("pictures_do_not_match", f"{len(media)} pictures for {len(row.texts_before)} places")
        told = Told() if row.json_file is None else tell(beside, row.json_file.name)
        said = list(row.texts) + [(role, utf8(self._bytes(ref), ref.name)) for role, ref in row.text_files]
        said += [("caption", text) for text in told.texts if ("caption", text) not in said]
        said.sort(key=lambda pair: pair[0] == "label")
        parts = in_order(media, [Text(text, role) for role, text in said], row.texts_before)
        if not parts:
            raise BadSample("nothing_in_it", "the row has no picture, no video and no text")
        if len(parts) > MOST_PARTS:
            raise BadSample("too_many_parts", f"{len(parts)} pictures, videos and texts")
        source = Source(
            dataset,
            name,
            row.uri or told.uri,
            row.licence or told.licence or self._work.licence,
            row.parent,
            fetched_meta(row) if row.links else row.meta or told.meta,
        )
        key = key_of(dataset, name, tuple(part_digest(part) for part in parts))
        return Sample(key, tuple(parts), source), contents

    def _read_back(self, dataset: str, name: str, was: Sample) -> Sample:
        """Return an exported sample as one of this dataset."""
        licence = was.source.licence or self._work.licence
        source = Source(dataset, name, was.source.uri, licence, was.source.parent, was.source.meta)
        return Sample(key_of(dataset, name, tuple(map(part_digest, was.parts))), was.parts, source)

    def _whole_file(self, ref: Ref) -> bytes:
        """Return the bytes of a picture that a document names, as it lies there now."""
        if ref.size_bytes > MOST_BYTES:
            raise BadSample("too_large", ref.name)
        return self._read.of_file(ref.url, ref.offset, ref.size_bytes)

    def _bytes(self, ref: Ref) -> bytes:
        if ref.size_bytes > MOST_BYTES:
            raise BadSample("too_large", f"{ref.name} has {ref.size_bytes} bytes, more than {MOST_BYTES}")
        ref = structs.replace(ref, url=self._shelf.media_url(ref.url))
        if ref.stamp:
            self._see_unchanged(ref)
        try:
            return self._read.of_file(ref.url, ref.offset, ref.size_bytes)
        except Unavailable as error:
            if isinstance(error.__cause__, PermissionError | IsADirectoryError):
                raise BadSample("unreadable", str(error)) from None
            raise

    def _cell(self, cell: Cell) -> list[bytes]:
        self._see_unchanged(cell)
        return self._read.of_cell(cell)

    def _see_unchanged(self, ref: Ref | Cell) -> None:
        if ref.url not in self._stamps:
            fs, path = open_url(ref.url)
            try:
                self._stamps[ref.url] = stamp_of(fs.info(path))
            except FileNotFoundError:
                self._stamps[ref.url] = "gone"
            except PermissionError:
                raise BadSample("unreadable", ref.url) from None
        if self._stamps[ref.url] != ref.stamp:
            raise BadSample("changed_since_listed", f"{ref.url} is not as it was when it was listed")

    def _fail(self, dataset: str, name: str, row: Row, bad: BadSample) -> None:
        meta = fetched_meta(row, bad) if row.links else ""
        source = Source(dataset, name, row.uri, row.licence or self._work.licence, row.parent, meta)
        key = key_of(dataset, name)
        self._failures.append(Failure(self._shard, key, "ingest", bad.reason, f"{name}: {bad.detail}"))
        log.failed(self._failures[-1])
        self._catalogue(Sample(key, (), source), "", [], bad.reason)

    def _catalogue(self, sample: Sample, media: str, offsets: list[int], failed: str = "") -> None:
        parts = sample.parts
        media_parts = [part for _, part in sample.media()]
        texts = [(place, part) for place, part in enumerate(parts) if isinstance(part, Text)]
        values = {
            "row": len(self._columns["row"]),
            "key": uuid_bytes(sample.key),
            "digest": uuid_bytes(identity(sample)),
            "size_bytes": sum(part.size_bytes for part in media_parts),
            "images": sum(isinstance(part, Image) for part in parts),
            "videos": sum(isinstance(part, Video) for part in parts),
            "texts": len(texts),
            "text_chars": [len(text.text) for _, text in texts],
            "text_parts": [place for place, _ in texts],
            "dataset": sample.source.dataset,
            "name": sample.source.row,
            "uri": sample.source.uri,
            "licence": sample.source.licence,
            "parent": sample.source.parent,
            "failed": failed,
            "parts": parts_json(sample),
            "meta": sample.source.meta,
            "media": media,
            "offsets": offsets,
        }
        for name, value in values.items():
            self._columns[name].append(value)

    def _put_source_notes(self) -> None:
        if not self._noted:
            return
        columns = (*SEEN, Column(PLACES, "string"))
        values = {
            "row": [row for row, _ in self._noted],
            "failed": [""] * len(self._noted),
            PLACES: [places_json(notes) for _, notes in self._noted],
        }
        path = self._shelf.path("notes", SOURCE_NOTES, f"{self._shard}-0000.parquet")
        put_table(self._shelf.fs, path, columns, values, exclusive=True)

    def _stop_if_too_many(self) -> None:
        count, failed = len(self._columns["row"]), len(self._failures)
        if too_many(failed, count, self._work.max_failed):
            raise TooManyFailed(
                f"{failed} of {count} rows can be no sample, the last because of {self._failures[-1].reason} "
                f"({self._failures[-1].detail})",
                where=f"shard {self._shard}",
                remedy="mend the source, or allow more with --max-failed",
            )


def _or_raise(found: T | BadSample) -> T:
    if isinstance(found, BadSample):
        raise found
    return found
