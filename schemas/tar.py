"""Tar layout: the member rules of a shard, written and read byte for byte the same everywhere.

A sample's members lie side by side as `<key>.<extension>`: the key is the member's path up to the first dot of its
last component, as webdataset cuts it. What is written is USTAR with time, owner and group zero, and ends with two
empty blocks; a name over 100 bytes or outside ASCII, or a member of 8 GiB, gets PAX headers from the standard
library. What is read may be any tar: an ordinary header costs about a microsecond, every other one goes to the
standard library.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from mmap import mmap
from struct import Struct
from typing import IO, NamedTuple
from zlib import adler32

from schemas.errors import BadSample, BadTar

BLOCK = 512
END = b"\0" * (2 * BLOCK)

_PADDING = tuple(b"\0" * (-length % BLOCK) for length in range(BLOCK))
_SAMPLE_NAME = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
_OCTAL_LIMIT = 8**11
_SMALL_BYTES = 16_384

_HEAD = b"0000644\0" + b"0000000\0" * 2
_TAIL = b"0" + b"\0" * 100 + b"ustar\x0000" + b"\0" * 247
_TIME = b"00000000000\0"
_pack = Struct("100s24s12s12s8s356s").pack
_PLAIN_SUM = sum(_HEAD) + sum(_TIME) + sum(b" " * 8) + sum(_TAIL)


class Member(NamedTuple):
    """A member of a tar: where its bytes begin, and how many they are; `kind` is file, link or other."""

    name: str
    offset: int
    size_bytes: int
    kind: str = "file"


def header(name: str, size_bytes: int) -> bytes:
    """Return the header blocks of a member, the same bytes that `tarfile` writes for it."""
    plain = name.encode("utf-8", "surrogateescape")
    if len(plain) > 100 or size_bytes >= _OCTAL_LIMIT or not name.isascii():
        info = tarfile.TarInfo(name)
        info.size = size_bytes
        return info.tobuf(tarfile.PAX_FORMAT)
    size = b"%011o\0" % size_bytes
    own_sum = (adler32(plain + size) & 0xFFFF) - 1  # its lower half is the sum of the bytes, and one
    return _pack(plain, _HEAD, size, _TIME, b"%06o\0 " % (_PLAIN_SUM + own_sum), _TAIL)


class Writer:
    """Write members one after another; the caller owns the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._offset = file, 0

    def add(self, name: str, data: bytes) -> int:
        """Write one member and return where its bytes begin."""
        size_bytes = len(data)
        head, padding = header(name, size_bytes), _PADDING[size_bytes % BLOCK]
        if size_bytes < _SMALL_BYTES:
            self._file.write(b"".join((head, data, padding)))
        else:
            self._file.writelines((head, data, padding))
        start = self._offset + len(head)
        self._offset = start + size_bytes + len(padding)
        return start

    def add_span(self, span: bytes) -> int:
        """Copy whole members, headers included, as they lie in another tar; return where they begin."""
        start = self._offset
        self._file.write(span)
        self._offset += len(span)
        return start

    def close(self) -> None:
        """Write the end of the archive."""
        self._file.write(END)
        self._offset += len(END)


def span_end(offset: int, size_bytes: int) -> int:
    """Return where the next header lies after a member's bytes."""
    return offset + size_bytes + (-size_bytes % BLOCK)


def scan(source: bytes | mmap | IO[bytes], start: int = 0) -> Iterator[Member]:
    """Yield the members of a tar from the header at `start` on, folders left out; a file is read at its headers alone.

    Raises BadTar, after every whole member was yielded, where the tar is cut or is none.
    """
    if isinstance(source, bytes | mmap):
        buffer = source
        return _scan(lambda at: buffer[at : at + BLOCK], start, len(buffer), buffer)
    file = source

    def block_at(at: int) -> bytes:
        file.seek(at)
        return file.read(BLOCK)

    return _scan(block_at, start, file.seek(0, io.SEEK_END), file)


def _scan(block_at: Callable[[int], bytes], at: int, end: int, source: bytes | mmap | IO[bytes]) -> Iterator[Member]:
    while at + BLOCK <= end:
        block = block_at(at)
        plain = _plain(block)
        if plain is None:
            if block.count(0) == BLOCK:
                return
            yield from _scan_with_library(source, at, end)
            return
        name, size_bytes = plain
        at += BLOCK
        if at + size_bytes > end:
            raise BadTar(f"the tar is cut: member {name!r} announces {size_bytes} bytes, {end - at} are there")
        yield Member(name, at, size_bytes)
        at = span_end(at, size_bytes)
    if at < end or not end:
        raise BadTar(f"the tar is cut inside the header at byte {at}" if end else "an empty file is no tar")


def _plain(block: bytes) -> tuple[str, int] | None:
    """Return name and size of an ordinary file's header, None for any other block."""
    if block[257:262] != b"ustar" or block[156] != 0x30 or block[345]:
        return None
    size = block[124:135]
    try:
        name = block[: block.index(0)].decode("ascii") if block[99] == 0 else block[:100].decode("ascii")
        return (name, int(size, 8)) if size.isdigit() else None
    except ValueError:
        return None


def _scan_with_library(source: bytes | mmap | IO[bytes], start: int, end: int) -> Iterator[Member]:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    file.seek(start)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for info in tar:
                if info.isdir():
                    continue
                kind = "link" if info.islnk() or info.issym() else "file" if info.isreg() else "other"
                if info.issparse():
                    kind = "other"
                if info.size < 0 or (kind == "file" and info.offset_data + info.size > end):
                    raise BadTar(f"the tar is cut: member {info.name!r} announces {info.size} bytes")
                yield Member(info.name, info.offset_data, info.size, kind)
            file.seek(tar.offset)
            if file.read(BLOCK).strip(b"\0"):
                raise BadTar(f"the tar is cut or broken: no member begins at byte {tar.offset}")
    except tarfile.TarError as error:
        raise BadTar(f"the tar cannot be read past byte {start}: {error}") from None


def split_name(name: str) -> tuple[str, str] | None:
    """Cut a member's name into key and lower-case extension at the first dot of its last component.

    Returns None where there is no key or no extension, as webdataset does.
    """
    match = _SAMPLE_NAME.match(name)
    return (match[1], match[2].lower()) if match else None


def check_name(member: Member) -> None:
    """Raise BadSample where a member could lead out of the archive: a link, an absolute path, a `..`, a NUL."""
    if member.kind != "file":
        raise BadSample("unsafe_member", f"{member.name!r} is no regular file")
    if member.name.startswith(("/", "\\")) or ".." in member.name.replace("\\", "/").split("/") or "\0" in member.name:
        raise BadSample("unsafe_member", f"{member.name!r} leads out of the archive")


def group(members: Iterable[Member]) -> Iterator[tuple[str, list[Member]]]:
    """Yield each sample's key and its members, those of one key that lie side by side."""
    key, found = "", list[Member]()
    for member in members:
        cut = split_name(member.name)
        if cut is None:
            continue
        if cut[0] != key and found:
            yield key, found
            found = []
        key = cut[0]
        found.append(member)
    if found:
        yield key, found


def by_extension(members: Iterable[Member]) -> dict[str, Member]:
    """Return a sample's members by extension; raises BadSample where two have one extension or a name is unsafe."""
    found = dict[str, Member]()
    for member in members:
        check_name(member)
        cut = split_name(member.name)
        extension = cut[1] if cut else ""
        if extension in found:
            raise BadSample("duplicate_member", f"two members are called {member.name!r}")
        found[extension] = member
    return found
