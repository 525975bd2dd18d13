"""A shelf's files in DuckDB: a connection that reads the shelf's file system, and its tables as SQL."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipelines.shelf.pieces import is_marked, is_noted, standing
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from pipelines.shelf.still import Still
from schemas.errors import Unavailable
from schemas.tables import SEEN, Column

MEMORY_LIMIT = "4GB"

_TYPES = {
    "bool": "BOOLEAN",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "dictionary": "VARCHAR",
    "uuid": "UUID",
}


@contextmanager
def connected(shelf: Shelf, memory_limit: str = MEMORY_LIMIT) -> Iterator[Any]:
    """Yield a DuckDB connection in memory that reads the shelf's file system and has no views: it opens no file."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:") as db, readable():
        prepare(db, shelf, folder, memory_limit)
        yield db


@contextmanager
def readable() -> Iterator[None]:
    """Raise Unavailable for what a file system of ours says."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        said = said_by_file_system(error)
        if not said:
            raise
        raise Unavailable(said) from None


def said_by_file_system(error: Exception) -> str:
    """Return what a file system of ours said, which DuckDB passes on as the text of a traceback with the query below;
    nothing where the error is its own."""
    first, *lines = str(error).splitlines() or [""]
    if not first.startswith("Traceback"):
        return ""
    return next((line for line in lines if line and not line.startswith(" ")), "").partition(": ")[2]


def prepare(db: Any, shelf: Shelf, spill: str, memory_limit: str = MEMORY_LIMIT) -> None:
    """Set a connection's limits and the folder it spills to, and let it read the shelf's file system."""
    db.execute(f"SET memory_limit = '{memory_limit}'; SET temp_directory = {quoted(spill)}")
    let_read(db, shelf.fs)


def let_read(db: Any, fs: Any) -> None:
    """Let a connection read a file system, which it does for each protocol once."""
    names = {fs.protocol} if isinstance(fs.protocol, str) else {*fs.protocol}
    if not getattr(fs, "local_file", False) and not names.intersection(db.list_filesystems()):
        db.register_filesystem(Still(fs))


def tables(shelf: Shelf, *folder: str) -> str:
    """Return the tables of a folder as SQL; a part of `folder` may be `*`, and `filename` says whose row it is.

    Files of one folder have the same columns, and one must be there. Notes are opened by `notes_of`.
    """
    return _read(address(shelf, *folder, "*.parquet"))


def notes_of(shelf: Shelf, annotator_id: str, *values: Column) -> str:
    """Return the notes of an annotator as SQL, with `filename`; no rows of these columns where it has no piece.

    While they are being compacted, the pieces that count are listed.
    """
    if is_marked(shelf, annotator_id):
        return files(shelf, standing(shelf, annotator_id))
    if not is_noted(shelf, annotator_id):
        columns = (*SEEN, *values, Column("filename", "string"))
        typed = (f'CAST(NULL AS {_type(column.kind)}) AS "{column.name}"' for column in columns)
        return f"(SELECT {', '.join(typed)} WHERE false)"
    return _read(address(shelf, "notes", annotator_id, "*.parquet"))


def files(shelf: Shelf, paths: Sequence[str]) -> str:
    """Return tables of the shelf, by their paths, as SQL."""
    return _read(f"[{', '.join(address(shelf, path.removeprefix(shelf.path(''))) for path in paths)}]")


def _type(kind: str) -> str:
    """Return the type in DuckDB of a column's kind."""
    return f"{_type(kind[5:-1])}[]" if kind.startswith("list<") else _TYPES[kind]


def _read(addresses: str) -> str:
    return f"read_parquet({addresses}, filename = true, hive_partitioning = false)"


def address(shelf: Shelf, *parts: str) -> str:
    root = shelf.root if shelf.is_local else str(shelf.fs.unstrip_protocol(shelf.root))
    return quoted("/".join((re.sub(r"([*?\[])", r"[\1]", root), *parts)))


def shard_of(column: str, *, piece: bool = False) -> str:
    """Return SQL for the shard that a file's name names."""
    return f"regexp_extract({column}, '([0-9]+){'-[0-9]+' if piece else ''}[.]parquet$', 1)"
