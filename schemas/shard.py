"""A shard read whole: each sample of a tar with the bytes of its members, for those who want all of them.

Samples are what webdataset makes of the same tar. An ordinary member costs about a microsecond and its copy: the file
is mapped, and a header is taken apart where it lies. From the first one on that is not ordinary (a long name, one
outside ASCII, a folder with a dot, a link, a `__meta__`) members come from `tar.scan`, at a few microseconds each.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from struct import Struct

from schemas.errors import BadTar
from schemas.tar import BLOCK, scan, split_name

Bytes = bytes | memoryview
Sample = tuple[str, dict[str, Bytes]]

_META = re.compile(r"__[^/]*__($|/)")
_REST_BYTES, _MAGIC = 190, 101
_NO_START = bytes(101)


def samples(source: str | os.PathLike[str] | bytes | mmap.mmap, *, views: bool = False) -> Iterator[Sample]:
    """Yield each sample's key and its members' bytes by extension, in the order of the tar.

    With `views` nothing is copied: members are views of the mapped file, which stays mapped for as long as one lives.
    Raises BadTar where the tar is cut, is none, or has two members of one name; every sample before the one that was
    begun there has been yielded.
    """
    where = "" if isinstance(source, bytes | mmap.mmap) else os.fspath(source)
    buffer = source if isinstance(source, bytes | mmap.mmap) else _mapped(where)
    data = memoryview(buffer) if views else buffer
    try:
        at, key, found = yield from _ordinary(buffer, data)
        for member in scan(buffer, at):
            cut = _cut(member.name) if member.kind == "file" else None
            if cut is None:
                continue
            if cut[0] != key:
                if found:
                    yield key, found
                key, found = cut[0], {}
            _add(found, *cut, data[member.offset : member.offset + member.size_bytes])
        if found:
            yield key, found
    except BadTar as error:
        raise BadTar(error.what, where=where, remedy=error.remedy) from None


def _mapped(path: str) -> bytes | mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else b""


def _ordinary(
    buffer: bytes | mmap.mmap, data: bytes | mmap.mmap | memoryview
) -> Generator[Sample, None, tuple[int, str, dict[str, Bytes]]]:
    """Yield samples while headers are ordinary; return where the next header lies, and the sample begun before it.

    What neighbours share is looked at once: the length of their keys, and what follows the size in their headers.
    """
    at, end, key, found = 0, len(buffer), "", dict[str, Bytes]()
    start_bytes, unpack, known_start, known_rest = 1, _layout(1), _NO_START, b""
    while at + BLOCK <= end:
        start, padded, size, rest = unpack(buffer, at)
        if rest != known_rest:
            if not rest.startswith(b"0") or not rest.startswith(b"ustar", _MAGIC) or rest[-1]:
                break
            known_rest = rest
        if not size.isdigit() or (stop := at + BLOCK + int(size, 8)) > end:
            break
        extension = _extension(padded)
        if start != known_start:
            if start.find(b".") != start_bytes - 1:
                start_bytes = (start + padded).find(b".") + 1
                unpack = _layout(start_bytes)
                continue
            if extension is None or start_bytes < 2 or b"\0" in start or start.startswith(b"__") or not start.isascii():
                break
            if found:
                yield key, found
            key, found, known_start = start[:-1].decode("ascii"), {}, start
        elif extension is None or extension in found:
            break
        found[extension] = data[at + BLOCK : stop]
        at = (stop + BLOCK - 1) & -BLOCK
    return at, key, found


@lru_cache(128)
def _layout(start_bytes: int) -> Callable[[bytes | mmap.mmap, int], tuple[bytes, bytes, bytes, bytes]]:
    """Return what takes a header apart: the key and its dot, what follows in the name, the size, and kind to prefix."""
    return Struct(f"{start_bytes}s{100 - start_bytes}s24x11s21x{_REST_BYTES}s").unpack_from


def _add(found: dict[str, Bytes], key: str, extension: str, content: Bytes) -> None:
    if extension in found:
        raise BadTar(f"two members of sample {key!r} are called .{extension}")
    found[extension] = content


@lru_cache(1024)
def _extension(padded: bytes) -> str | None:
    """Return the lower-case extension in what follows a key and its dot; None where that is not ordinary."""
    extension = padded.partition(b"\0")[0]
    return extension.decode("ascii").lower() if extension.isascii() and b"/" not in extension else None


def _cut(name: str) -> tuple[str, str] | None:
    """Cut a member's name into key and extension; None where webdataset passes it over."""
    return None if name.startswith("__") and _META.match(name) else split_name(name)
