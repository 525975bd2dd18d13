"""WARC, plain or gzip: a row per page that a server answered with, in the order of the file.

Records are found here and taken apart at the door. What is no HTML, a redirect or an error page is no row; what is cut
is one.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from pipelines.ingest.row import Ref, Row, Written
from pipelines.ingest.source import full_url, need, open_url, stamp_of
from schemas.errors import BadInput

WARC_NAMES = (".warc", ".warc.gz")
_CHUNK_BYTES = 1 << 16
_PAGES = ("text/html", "application/xhtml+xml")


class Warcs(Struct, frozen=True):
    """One WARC, or all of a folder's in the order of their paths; a page's row is <file>/<record id>."""

    url: str

    def rows(self) -> Iterator[Row]:
        """Yield a row per page. Raises BadInput where a file is no WARC, or where there is no page at all."""
        fs, path = open_url(self.url)
        is_folder = fs.isdir(path)
        found = sorted(str(one) for one in fs.find(path) if str(one).endswith(WARC_NAMES)) if is_folder else [path]
        need(found, "no WARC in this folder", self.url, f"they should end in {' or '.join(WARC_NAMES)}")
        root = path if is_folder else path.rsplit("/", 1)[0]
        some = False
        for one in found:
            for row in _of_file(fs, one, one[len(root) :].lstrip("/")):
                some = True
                yield row
        need(some, "no answered page in it", self.url, "it should hold response records of HTML")


class _Plain:
    """What a WARC holds, up to where it cannot be unpacked any more: then `broken` says why."""

    def __init__(self, file: Any, *, is_packed: bool) -> None:
        self._read = gzip.GzipFile(fileobj=file).read1 if is_packed else file.read
        self.broken = ""

    def read(self, size_bytes: int) -> bytes:
        try:
            return bytes(self._read(size_bytes))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.broken = str(error)
            return b""


def _of_file(fs: Any, path: str, name: str) -> Iterator[Row]:
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    stamp, url, end = stamp_of(fs.info(path)), full_url(fs, path), 0
    with fs.open(path, "rb") as file:
        plain = _Plain(file, is_packed=path.endswith(".gz"))
        records = ArchiveIterator(plain)
        try:
            for record in records:
                said, start = _said(record), records.get_record_offset()
                while record.raw_stream.read(_CHUNK_BYTES):
                    pass
                if record.raw_stream.limit:
                    yield Row(f"{name}/{said.record_id}", uri=said.uri, failed="warc_cut")
                    return
                records.read_to_end()
                end = start + records.get_record_length()
                if said.is_page:
                    ref = Ref(url, said.uri or said.record_id, start, end - start, stamp)
                    yield Row(f"{name}/{said.record_id}", uri=said.uri, document=Written(ref, "warc"))
        except ArchiveLoadFailed as error:
            plain.broken = str(error)
    if plain.broken and not end:
        raise BadInput(f"no WARC: {plain.broken}", where=path)
    if plain.broken:
        yield Row(f"{name}/(cut after byte {end})", failed="warc_cut")


class _Said(NamedTuple):
    record_id: str
    uri: str
    is_page: bool


def _said(record: Any) -> _Said:
    headers = record.rec_headers
    record_id = (headers.get_header("WARC-Record-ID") or "").strip("<>").rpartition(":")[2]
    return _Said(record_id or "record", (headers.get_header("WARC-Target-URI") or "").strip("<>"), _is_page(record))


def _is_page(record: Any) -> bool:
    if record.rec_type != "response" or record.http_headers is None:
        return False
    kind = (record.http_headers.get_header("Content-Type") or "").split(";")[0].strip().lower()
    return kind in _PAGES and record.http_headers.get_statuscode() == "200"
