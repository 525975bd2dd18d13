"""The body of an answer, as it comes: unpacked where it is packed, and never longer than it may be."""

from __future__ import annotations

import zlib
from typing import Any

from schemas.errors import BadSample

_GZIP_OR_ZLIB = 47
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})


class Body:
    """Takes a body's pieces; `most_bytes` holds for what came as for what it unpacks to."""

    def __init__(self, most_bytes: int, encoding: str = "") -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", *_PACKED):
            raise BadSample("unknown_encoding", f"Content-Encoding {encoding!r}, though none was asked for")
        self._most_bytes, self._came_bytes = most_bytes, 0
        self._unpack: Any = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _PACKED else None
        self._content = bytearray()

    def add(self, piece: bytes) -> None:
        """Take the next piece; raises BadSample("too_large") or BadSample("broken_encoding")."""
        self._came_bytes += len(piece)
        if self._unpack:
            try:
                piece = self._unpack.decompress(piece, self._most_bytes - len(self._content) + 1)
            except zlib.error as error:
                raise BadSample("broken_encoding", str(error)) from None
        self._content += piece
        if len(self._content) > self._most_bytes or self._came_bytes > self._most_bytes:
            raise BadSample("too_large", f"more than {self._most_bytes} bytes")

    def content(self) -> bytes:
        """Return the whole body; raises BadSample("broken_encoding") where a packed one is cut."""
        if self._unpack and not self._unpack.eof:
            raise BadSample("broken_encoding", "the packed body is cut")
        return bytes(self._content)
