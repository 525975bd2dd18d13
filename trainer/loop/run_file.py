"""A file of a run's folder: there whole or not at all, and synced."""

from __future__ import annotations

from fsspec.implementations.local import LocalFileSystem

from schemas.publish import put


def put_file(path: str, data: bytes) -> None:
    """Write a file in place of the one that is there."""
    put(LocalFileSystem(), path, data)
