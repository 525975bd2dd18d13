"""Publishing: a file is there whole, or not at all.

Locally: a temporary name beside the target, flock, write, fsync, rename (or link, which refuses a taken name), fsync
of the folder. Elsewhere: it is written here and handed over whole by `put_file`, on an object store one PUT (with
If-None-Match where the name must be free), or parts that nobody sees before the last word. `crossing` is called at each
point where a kill could leave a trace, so that a test can kill there; it does nothing here.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from schemas.errors import Unavailable

PREFIX = ".ostraka-tmp-"
BUFFER_BYTES = 1 << 17


def crossing(point: str, path: str) -> None:
    """Mark a point of a write: `before` (nothing is there), `written` (path is the temporary), `published`."""


def publish(fs: Any, path: str, write: Callable[[IO[bytes]], object], *, exclusive: bool = False) -> bool:
    """Write a file through `write(file)` and make it visible at once; return False where `exclusive` and it exists.

    `fs` is an fsspec file system. Raises what `write` raises, and Unavailable where the disk is full or the place
    cannot be written; then nothing is visible.
    """
    try:
        if getattr(fs, "local_file", False):
            return _publish_local(path, write, exclusive)
        return _publish_remote(fs, path, write, exclusive)
    except OSError as error:
        raise Unavailable(
            f"cannot be written ({error.strerror or error})",
            where=path,
            remedy="make room, or mend the place: the same command goes on where this one stopped",
        ) from error


def publish_over(fs: Any, path: str, write: Callable[[IO[bytes]], object], tag: str) -> bool:
    """Publish a file in the place of the version with this tag (`ukey`); return False where it is another one by now.

    Where a file system cannot compare, on a disk above all, somebody else must see to it that nobody writes meanwhile.
    """
    if not hasattr(fs, "put_over"):
        return publish(fs, path, write)
    with _written(write) as local:
        return bool(fs.put_over(local, path, tag))


def put(fs: Any, path: str, data: bytes, *, exclusive: bool = False) -> bool:
    """Publish bytes."""
    return publish(fs, path, lambda file: file.write(data), exclusive=exclusive)


def _publish_local(path: str, write: Callable[[IO[bytes]], object], exclusive: bool) -> bool:
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    if exclusive and os.path.exists(path):
        return False
    crossing("before", path)
    temporary, file = _locked_temporary(folder)
    try:
        with file:
            write(file)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
            crossing("written", temporary)
            if not _give_name(temporary, path, exclusive):
                return False
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    crossing("published", path)
    _fsync_folder(folder)
    return True


def _give_name(temporary: str, path: str, exclusive: bool) -> bool:
    """Make a temporary visible under its name; return False where `exclusive` and the name is taken."""
    if not exclusive:
        os.replace(temporary, path)
        return True
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def _locked_temporary(folder: str) -> tuple[str, IO[bytes]]:
    """Open a temporary file that `sweep` leaves alone for as long as it is open here."""
    while True:
        number, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        fcntl.flock(number, fcntl.LOCK_EX)
        if os.fstat(number).st_nlink:
            return name, os.fdopen(number, "wb", BUFFER_BYTES)
        os.close(number)


def _fsync_folder(folder: str) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _publish_remote(fs: Any, path: str, write: Callable[[IO[bytes]], object], exclusive: bool) -> bool:
    """Write the file here, then hand it over whole: an open file of another file system, closed by what goes wrong,
    would publish its beginning."""
    with _written(write) as local:
        crossing("before", path)
        try:
            fs.put_file(local, path, mode="create" if exclusive else "overwrite")
        except FileExistsError:
            return False
    crossing("published", path)
    return True


@contextmanager
def _written(write: Callable[[IO[bytes]], object]) -> Iterator[str]:
    """Yield the path of a file that holds what is written; it has no name, so a kill leaves none behind."""
    with tempfile.TemporaryFile(buffering=BUFFER_BYTES) as file:
        write(file)
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def sweep(folder: str) -> int:
    """Remove, below a local folder, the temporaries that a killed writer left behind; return how many.

    What another user's writer left is that user's to remove.
    """
    removed = 0
    for here, _, names in os.walk(folder):
        for name in names:
            if name.startswith(PREFIX) and _remove_if_abandoned(os.path.join(here, name)):
                removed += 1
    return removed


def _remove_if_abandoned(path: str) -> bool:
    """Remove a temporary, unless it is gone, held by a writer, or another user's."""
    try:
        number = os.open(path, os.O_RDWR)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except (BlockingIOError, FileNotFoundError, PermissionError):
        return False
    finally:
        os.close(number)
    return True
