"""Byte ranges of an export's files: read by position where they are local, by a range request anywhere else."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

from schemas.errors import Unavailable

MOST_OPEN = 16
_MEND = "copy the export again from where it was made; `ostraka verify` says what is wrong with it"


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
        try:
            data = self._pread(path, start, end) if self._local else bytes(self._fs.cat_file(path, start=start, end=end))
        except OSError as error:
            raise Unavailable(f"cannot be read ({error.strerror or error})", where=path, remedy=_MEND) from error
        if len(data) != end - start:
            raise Unavailable(f"ends before byte {end}", where=path, remedy=_MEND)
        return data

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
