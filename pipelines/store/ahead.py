"""Reading an object of a store by ranges: few requests, in whatever order it is read.

Nothing is asked for when it is opened. Who begins at the end, as every reader of parquet does, is given the last
LAST_BYTES, which of most tables is all: one request, where asking for the length first makes three. Who reads on, or
skips a little, is given AHEAD_BYTES more; who jumps, what he asks for and LEAST_BYTES at least. The end is held, and
MOST_HELD stretches: who checks a tar looks at the next header before he reads what came before it.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable

from msgspec import Struct

LAST_BYTES = 1 << 20
AHEAD_BYTES = 4 << 20
LEAST_BYTES = 256 << 10
PEEK_BYTES = 64 << 10
MOST_HELD = 2


class Stretch(Struct, frozen=True):
    """Bytes of an object from `first` on, how long the whole is, and what tells this version of it from another."""

    first: int
    data: bytes
    whole_bytes: int
    tag: str = ""

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
        self._held: deque[Stretch] = deque(maxlen=MOST_HELD)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begins = {os.SEEK_SET: lambda: 0, os.SEEK_CUR: lambda: self._at, os.SEEK_END: self._whole_bytes}
        self._at = max(0, begins[whence]() + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, fewer only where the object ends; all that are left where none are asked for."""
        wanted = max(0, self._whole_bytes() - self._at) if size is None or size < 0 else size
        found = bytearray()
        while len(found) < wanted and (some := self.read1(wanted - len(found))):
            found += some
        return bytes(found)

    def read1(self, size: int = -1, /) -> bytes:
        """Return some bytes, as many as one stretch holds."""
        some = self._some(PEEK_BYTES if size < 0 else size)
        self._at += len(some)
        return some

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return a line, or its first bytes; the one that is inherited takes more than are asked for."""
        most = -1 if size is None else size
        found = bytearray()
        while (most < 0 or len(found) < most) and (some := self.peek()):
            end = some.find(b"\n") + 1 or len(some)
            found += self.read(end if most < 0 else min(end, most - len(found)))
            if found.endswith(b"\n"):
                break
        return bytes(found)

    def peek(self, size: int = 0, /) -> bytes:
        """Return the bytes that come, without going on; lines are read by this."""
        return self._some(max(size, PEEK_BYTES))

    def _some(self, most: int) -> bytes:
        whole = self._known.whole_bytes if self._known else None
        if most == 0 or (whole is not None and self._at >= whole):
            return b""
        stretch = next((one for one in self._here() if one.first <= self._at < one.end), None) or self._ask(most)
        begins = self._at - stretch.first
        return stretch.data[begins : begins + most]

    def _here(self) -> list[Stretch]:
        return [*self._held, self._last] if self._last else [*self._held]

    def _ask(self, most: int) -> Stretch:
        reads_on = any(0 <= self._at - one.end <= AHEAD_BYTES for one in self._held)
        end = self._at + max(most, AHEAD_BYTES if reads_on else LEAST_BYTES)
        end = min(end, self._known.whole_bytes) if self._known else end
        self._held.append(self._fetch(self._at, end, self._known.tag if self._known else ""))
        return self._held[-1]

    @property
    def _known(self) -> Stretch | None:
        return self._held[-1] if self._held else self._last

    def _whole_bytes(self) -> int:
        if self._known is None:
            self._last = self._fetch(-LAST_BYTES, 0, "")
        assert self._known
        return self._known.whole_bytes
