"""Which bytes of a file an HTTP request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re

_ONE_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*")


def byte_range(asked: str, size_bytes: int) -> tuple[int, int] | None:
    """Return [start, end) of the one range that a `Range` header asks for, or None where all is to be sent.

    What is no range of bytes, or several of them, is answered with all, as a server may. Raises ValueError where the
    range lies behind the end.
    """
    found = _ONE_RANGE.fullmatch(asked)
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(size_bytes, int(last) + 1) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes or start >= end:
        raise ValueError(f"no bytes from {start} on in {size_bytes}")
    return start, end
