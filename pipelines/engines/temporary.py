"""A folder for what a process needs while it works: below TMPDIR, held by a lock, gone when it ends.

A process that is killed removes nothing, and what it leaves can be as large as a listing. So whoever needs a folder
first removes those that nobody holds; another user's stay.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

PREFIX = "ostraka-"
HELD = ".held"


@contextmanager
def temporary_folder(what: str) -> Iterator[str]:
    """Make a folder of this machine's own, named after what it is for, and remove it at the end."""
    _sweep()
    folder, held = _held(f"{PREFIX}{what}-")
    with held:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _held(prefix: str) -> tuple[str, IO[bytes]]:
    """Make a folder and hold its lock; a sweep that came between the two has another one made."""
    while True:
        folder = tempfile.mkdtemp(prefix=prefix)
        held = open(f"{folder}/{HELD}", "xb")  # noqa: SIM115
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        if os.fstat(held.fileno()).st_nlink:
            return folder, held
        held.close()


def _is_our_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(FileNotFoundError):
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    return False


def _sweep() -> None:
    with os.scandir(tempfile.gettempdir()) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(PREFIX) and _is_our_folder(entry)]
    for folder in left:
        with suppress(OSError), open(f"{folder}/{HELD}", "r+b") as held:
            fcntl.flock(held.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
