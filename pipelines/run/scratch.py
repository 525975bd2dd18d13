"""Scratch: columns on their way to a corpus decision, as Arrow files that are gone when the run ends.

A run holds its folder by a lock, so that the next one can tell what a killed run left behind.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from filters.columns import Columns
from pipelines.record.record import may_live, read_record
from pipelines.shelf.arrow_columns import to_arrow, to_numpy
from pipelines.shelf.shelf import Shelf
from pipelines.store.address import file_system
from schemas.errors import Unavailable
from schemas.publish import publish

FOLDER = "scratch"
HELD = ".held"


class Scratch:
    """A folder of columns, by its URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._root = file_system(url)
        self._local = bool(getattr(self._fs, "local_file", False))

    def put(self, name: str, columns: Columns) -> None:
        """Write columns under a name; a path's folders are made."""
        arrays = {column: to_arrow(values) for column, values in columns.items()}
        table = pa.table(arrays) if arrays else pa.table({"": pa.nulls(columns.count)})
        self._write(f"{name}.arrow", lambda file: _write_table(file, table))

    def get(self, name: str, columns: Sequence[str]) -> Columns:
        """Read some of the columns under a name."""
        with self._read(f"{name}.arrow") as file:
            schema = pa.ipc.open_file(file).schema
            wanted = [schema.get_field_index(column) for column in columns]
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            table = pa.ipc.open_file(file, options=options).read_all()
        return Columns(table.num_rows, {column: to_numpy(table[column]) for column in columns})

    def size_bytes(self, name: str) -> int:
        """Return how long the columns under a name are."""
        return int(self._fs.size(f"{self._root}/{name}.arrow"))

    def put_arrays(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write arrays of any shape under a name."""
        memory = io.BytesIO()
        np.savez(memory, allow_pickle=False, **arrays)
        self._write(f"{name}.npz", lambda file: file.write(memory.getvalue()))

    def get_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Read the arrays under a name."""
        with self._read(f"{name}.npz") as file:
            return dict(np.load(io.BytesIO(file.read()), allow_pickle=False))

    def names(self, folder: str) -> list[str]:
        """Return, sorted, the names of the columns in a folder."""
        path = f"{self._root}/{folder}"
        try:
            found = self._fs.ls(path, detail=False)
        except FileNotFoundError:
            return []
        return sorted(entry.rsplit("/", 1)[-1].removesuffix(".arrow") for entry in found)

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it."""
        path = f"{self._root}/{folder}"
        if self._fs.isdir(path):
            self._fs.rm(path, recursive=True)

    def _write(self, name: str, write: Callable[[Any], object]) -> None:
        path = f"{self._root}/{name}"
        with _held_at(path):
            if self._local:
                os.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
                with pa.OSFile(path, "wb") as file:
                    write(file)
            else:
                publish(self._fs, path, write)

    @contextmanager
    def _read(self, name: str) -> Iterator[Any]:
        path = f"{self._root}/{name}"
        with _held_at(path), pa.OSFile(path, "rb") if self._local else self._fs.open(path, "rb") as file:
            yield file


@contextmanager
def _held_at(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise Unavailable(
            f"columns cannot be held there ({error})", where=path, remedy="make room; the same command goes on"
        ) from error


def _write_table(file: Any, table: pa.Table) -> None:
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def scratch_of(shelf: Shelf, run_id: str) -> Iterator[Scratch]:
    """Hold a run's scratch on its shelf, and remove it at the end."""
    root = shelf.path(FOLDER, run_id)
    with ExitStack() as stack:
        if shelf.is_local:
            stack.enter_context(_held(root))
        stack.callback(_remove, shelf, root)
        yield Scratch(root if shelf.is_local else str(shelf.fs.unstrip_protocol(root)))


def _held(root: str) -> IO[bytes]:
    """Make a folder and hold its lock; a sweep that came between the two has it made again."""
    while True:
        os.makedirs(root, exist_ok=True)
        with suppress(FileNotFoundError):
            held = open(f"{root}/{HELD}", "wb")  # noqa: SIM115
            fcntl.flock(held.fileno(), fcntl.LOCK_EX)
            if os.fstat(held.fileno()).st_nlink:
                return held
            held.close()


def _remove(shelf: Shelf, root: str) -> None:
    with suppress(OSError):
        shelf.fs.rm(root, recursive=True)


def sweep_scratch(shelf: Shelf) -> None:
    """Remove what killed runs left behind; what a living run holds, or another user's did, stays.

    Where no lock can be held, a run's record tells whether it lives; of one on another machine it may be wrong, so that
    one's stays.
    """
    for name in shelf.folders(FOLDER):
        root = shelf.path(FOLDER, name)
        if not shelf.is_local:
            if not may_live(read_record(shelf, name)):
                _remove(shelf, root)
            continue
        with suppress(OSError), open(f"{root}/{HELD}", "ab") as held:
            fcntl.flock(held.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(root)
