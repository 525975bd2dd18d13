"""Locks between processes on a local shelf: of a shard that is planned anew, made or compacted, and of a whole verb.

They lie in `runs/`, and whoever dies lets go. Other file systems have no such lock: there two ingests at once are sound
as long as the source does not change between them, and compaction compares before it replaces.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.shelf.shelf import Shelf
from schemas.errors import Unavailable


@contextmanager
def held(shelf: Shelf, shard: str) -> Iterator[None]:
    """Hold a shard, waiting for whoever does: one file of byte ranges, a byte a shard."""
    with _locked(shelf, "ingest.lock", fcntl.LOCK_EX, 1, int(shard)):
        yield


@contextmanager
def alone(shelf: Shelf, verb: str, what: str) -> Iterator[None]:
    """Let no other process do this verb on the shelf meanwhile; raises Unavailable, saying what, where one is at it."""
    try:
        with _locked(shelf, f"{verb}.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError:
        said = f"another {what} is at work here"
        raise Unavailable(said, where=shelf.url, remedy="wait until it has ended") from None


@contextmanager
def _locked(shelf: Shelf, name: str, *how: int) -> Iterator[None]:
    if not shelf.is_local:
        yield
        return
    os.makedirs(shelf.path("runs"), exist_ok=True)
    number = os.open(shelf.path("runs", name), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(number, *how)
        yield
    finally:
        os.close(number)
