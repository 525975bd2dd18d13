"""Byte ranges of an export's files: read by position where they are local, by a range request anywhere else."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.errors import OstrakaError, Unavailable

MOST_OPEN = 16
_MEND = "copy the export again from where it was made; `ostraka verify` says what is wrong with it"


class Span(NamedTuple):
    """Bytes of a file, from the first up to the one after the last."""

    path: str
    start: int
    end: int


class ShardBytes:
    """Reads spans of files of one file system, a few local ones held open; raises Unavailable where one is not there.

    A reader belongs to one process and one thread.
    """

    def __init__(self, fs: Any) -> None:
        self._fs, self._local = fs, bool(getattr(fs, "local_file", False))
        self._open = OrderedDict[str, int]()

    def __enter__(self) -> ShardBytes:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return bytes `start` up to `end` of a file."""
        return self.read_all([Span(path, start, end)])[0]

    def read_all(self, spans: Sequence[Span]) -> list[bytes]:
        """Return the bytes of spans, in their order; what is not local is asked for all at once."""
        if self._local:
            return [_whole(span, self._pread_or_error(span)) for span in spans]
        paths, starts, ends = ([getattr(span, name) for span in spans] for name in Span._fields)
        found = self._fs.cat_ranges(paths, starts, ends, on_error="return")
        return [_whole(span, data) for span, data in zip(spans, found, strict=True)]

    def _pread_or_error(self, span: Span) -> bytes | OSError:
        try:
            return self._pread(*span)
        except OSError as error:
            return error

    def _pread(self, path: str, start: int, end: int) -> bytes:
        """Read on until all is there: Linux gives less than 2 GiB at once."""
        number, pieces = self._number(path), list[bytes]()
        while start < end and (piece := os.pread(number, end - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _number(self, path: str) -> int:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        if len(self._open) >= MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        self._open[path] = os.open(path, os.O_RDONLY)
        return self._open[path]


def _whole(span: Span, data: bytes | Exception) -> bytes:
    """Return the bytes of a span; raises Unavailable where they are an error, or not all there."""
    if isinstance(data, OstrakaError):
        raise data
    if isinstance(data, Exception):
        said = getattr(data, "strerror", None) or data
        raise Unavailable(f"cannot be read ({said})", where=span.path, remedy=_MEND) from data
    if len(data) != span.end - span.start:
        raise Unavailable(f"ends before byte {span.end}", where=span.path, remedy=_MEND)
    return bytes(data)
