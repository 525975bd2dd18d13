"""Files whose SHA-256 is known when they are written, without reading them again."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from typing import IO, Any, cast

from pipelines.export.manifest import File
from schemas.publish import publish

CHUNK = 8 << 20
BLOCK = 1 << 20
MOST_HASHING = 4


class Hashed:
    """A file that hashes and counts what is written to it; a thread hashes a block while the next one is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._seen, self.size_bytes = file, sha256(), 0
        self._waiting = bytearray()
        self._thread = ThreadPoolExecutor(1)
        self._hashing = deque[Future[None]]()

    def __enter__(self) -> Hashed:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def write(self, data: bytes) -> None:
        """Write bytes."""
        if len(data) < BLOCK:
            self._waiting += data
            if len(self._waiting) >= BLOCK:
                self._flush()
        else:
            self._flush()
            self._pass_on(data)

    def writelines(self, chunks: Iterable[bytes]) -> None:
        """Write bytes one after another."""
        for chunk in chunks:
            self.write(chunk)

    def hexdigest(self) -> str:
        """Write what waits, and return the SHA-256 of everything."""
        self._flush()
        while self._hashing:
            self._hashing.popleft().result()
        return self._seen.hexdigest()

    def _flush(self) -> None:
        if self._waiting:
            self._pass_on(bytes(self._waiting))
            self._waiting.clear()

    def _pass_on(self, data: bytes) -> None:
        if len(self._hashing) >= MOST_HASHING:
            self._hashing.popleft().result()
        self._hashing.append(self._thread.submit(self._seen.update, data))
        self._file.write(data)
        self.size_bytes += len(data)


def publish_hashed(fs: Any, path: str, write: Callable[[IO[bytes]], object]) -> tuple[int, str]:
    """Publish a file and return its size in bytes and its SHA-256."""
    found: list[tuple[int, str]] = []

    def write_hashed(file: IO[bytes]) -> None:
        with Hashed(file) as hashed:
            write(cast(IO[bytes], hashed))
            digest = hashed.hexdigest()
            found.append((hashed.size_bytes, digest))

    publish(fs, path, write_hashed)
    return found[-1]


def digest_of(fs: Any, path: str) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 of a file."""
    seen, size_bytes = sha256(), 0
    with fs.open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            seen.update(chunk)
            size_bytes += len(chunk)
    return size_bytes, seen.hexdigest()


def file_of(relative: str, data: bytes, samples: int = 0) -> File:
    """Return how a manifest lists these bytes."""
    return File(relative, len(data), sha256(data).hexdigest(), samples)


def memory(write: Callable[[IO[bytes]], object]) -> bytes:
    """Return what is written."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()
