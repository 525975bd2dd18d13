"""Holding a shard while it is planned anew or made, so that two ingests at once cannot mix what they read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.shelf import Shelf


@contextmanager
def held(shelf: Shelf, shard: str) -> Iterator[None]:
    """Hold a shard of a local shelf against other processes; whoever dies lets go.

    One file of byte ranges, a byte a shard, lies in `runs/`. Other file systems have no such lock: there two ingests
    at once are sound as long as the source does not change between them.
    """
    if not shelf.is_local:
        yield
        return
    os.makedirs(shelf.path("runs"), exist_ok=True)
    number = os.open(shelf.path("runs", "ingest.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(number, fcntl.LOCK_EX, 1, int(shard))
        yield
    finally:
        os.close(number)
