"""Reading bytes out of tars: local files by position, any other URL through fsspec, a few of them held open."""

from __future__ import annotations

import os
import zlib
from collections import OrderedDict
from typing import Any, Protocol

from schemas.errors import Unavailable

MOST_OPEN = 16


class _Open(Protocol):
    def read_at(self, offset: int, size_bytes: int) -> bytes: ...

    def close(self) -> None: ...


class _LocalFile:
    """A local file; Linux gives less than 2 GiB at once, so reading goes on until all is there."""

    def __init__(self, path: str) -> None:
        self._number = os.open(path, os.O_RDONLY)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        pieces = [os.pread(self._number, size_bytes, offset)]
        while pieces[-1] and (left_bytes := size_bytes - sum(map(len, pieces))):
            pieces.append(os.pread(self._number, left_bytes, offset + size_bytes - left_bytes))
        return b"".join(pieces)

    def close(self) -> None:
        os.close(self._number)


class _RemoteFile:
    """A file of another file system, or a compressed one: reading on is cheap, going back is not."""

    def __init__(self, url: str) -> None:
        from pipelines.store.address import file_system

        fs, path = file_system(url)
        self._file: Any = fs.open(path, "rb", compression="gzip" if url.endswith((".tgz", ".gz")) else None)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        self._file.seek(offset)
        return bytes(self._file.read(size_bytes))

    def close(self) -> None:
        self._file.close()


class MediaReader:
    """Reads spans of files by URL; raises Unavailable where a file is gone or shorter than it was."""

    def __init__(self) -> None:
        self._open = OrderedDict[str, _Open]()

    def __call__(self, url: str, offset: int, size_bytes: int) -> bytes:
        try:
            data = self._file(url).read_at(offset, size_bytes)
        except (OSError, EOFError, zlib.error) as error:
            raise Unavailable(f"cannot be read ({getattr(error, 'strerror', None) or error})", where=url) from error
        if len(data) != size_bytes:
            raise Unavailable(f"ends before byte {offset + size_bytes}", where=url, remedy="restore the file")
        return data

    def _file(self, url: str) -> _Open:
        if url in self._open:
            self._open.move_to_end(url)
            return self._open[url]
        if len(self._open) >= MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        local = "://" not in url and not url.endswith((".tgz", ".gz"))
        self._open[url] = _LocalFile(url) if local else _RemoteFile(url)
        return self._open[url]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
