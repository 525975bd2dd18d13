"""Reading an object of a store by ranges: few requests, in whatever order it is read.

Nothing is asked for when it is opened. Who begins at the end, as every reader of parquet does, is given the last
LAST_BYTES, which of most tables is all: one request, where asking for the length first makes three. Who reads on, or
skips a little, is given AHEAD_BYTES more; who jumps, what he asks for and LEAST_BYTES at least. At most one stretch and
the end are held.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

from msgspec import Struct

LAST_BYTES = 1 << 20
AHEAD_BYTES = 8 << 20
LEAST_BYTES = 256 << 10
PEEK_BYTES = 64 << 10


class Stretch(Struct, frozen=True):
    """Bytes of an object from `first` on, how long the whole is, and what tells this version of it from another."""

    first: int
    data: bytes
    whole_bytes: int
    tag: str = ""
    modified: Any = None

    @property
    def end(self) -> int:
        return self.first + len(self.data)


Fetch = Callable[[int, int, str], Stretch]
"""Return the bytes from the first number to the second, exclusive, of the version with this tag, or of any where it is
empty; a negative first number asks for that many from the end."""


class Ahead(io.BufferedIOBase):
    """An object as a file that is read; all of it is of one version."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch, self._at = fetch, 0
        self._last: Stretch | None = None
        self._held: Stretch | None = None

    @property
    def whole_bytes(self) -> int:
        """How long the object is."""
        return self._any().whole_bytes

    @property
    def modified(self) -> Any:
        """When the object was written."""
        return self._any().modified

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begins = {os.SEEK_SET: lambda: 0, os.SEEK_CUR: lambda: self._at, os.SEEK_END: lambda: self.whole_bytes}
        self._at = max(0, begins[whence]() + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, fewer only where the object ends; all that are left where none are asked for."""
        wanted = None if size is None or size < 0 else size
        found = bytearray()
        while wanted is None or len(found) < wanted:
            some = self._some(None if wanted is None else wanted - len(found))
            if not some:
                break
            found += some
            self._at += len(some)
        return bytes(found)

    def read1(self, size: int = -1, /) -> bytes:
        """Return some bytes, those that are here where there are any."""
        some = self._some(PEEK_BYTES if size < 0 else size)
        self._at += len(some)
        return some

    def peek(self, size: int = 0, /) -> bytes:
        """Return the bytes that come, without going on; lines are read by this."""
        return self._some(max(size, PEEK_BYTES))

    def _some(self, most: int | None) -> bytes:
        """Return bytes from here on, as many as one stretch holds."""
        if most == 0 or (self._known and self._at >= self._known.whole_bytes):
            return b""
        for stretch in (self._held, self._last):
            if stretch and stretch.first <= self._at < stretch.end:
                begins = self._at - stretch.first
                return stretch.data[begins:] if most is None else stretch.data[begins : begins + most]
        self._held = self._ask(most)
        return self._some(most) if self._held.data else b""

    def _ask(self, most: int | None) -> Stretch:
        if most is None:
            most = self.whole_bytes - self._at
        near = self._held is not None and 0 <= self._at - self._held.end <= AHEAD_BYTES
        end = self._at + max(most, AHEAD_BYTES if near else LEAST_BYTES)
        return self._fetch(self._at, min(end, self._known.whole_bytes) if self._known else end, self._tag)

    @property
    def _known(self) -> Stretch | None:
        return self._held or self._last

    @property
    def _tag(self) -> str:
        return self._known.tag if self._known else ""

    def _any(self) -> Stretch:
        if self._known is None:
            self._last = self._fetch(-LAST_BYTES, 0, "")
        assert self._known
        return self._known
