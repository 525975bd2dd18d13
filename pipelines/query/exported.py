"""Where a sample was exported to: the finished exports whose sidecars hold its key."""

from __future__ import annotations

from functools import cached_property
from glob import escape
from typing import Any

from pipelines.record.record import read_records
from pipelines.shelf.in_duckdb import let_read
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from pipelines.store.address import file_system


class Exported:
    """The exports of a shelf that are still where they were written."""

    def __init__(self, db: Any, shelf: Shelf) -> None:
        self._db, self._shelf = db, shelf

    def folders(self, key: str) -> tuple[str, ...]:
        """Return the folders of the exports that hold a sample."""
        holds = "SELECT 1 FROM read_parquet({0}, hive_partitioning = false) WHERE key = ? LIMIT 1"
        found = (to for to, files in self._there if self._db.execute(holds.format(quoted(files)), [key]).fetchall())
        return tuple(found)

    @cached_property
    def _there(self) -> list[tuple[str, str]]:
        """Each export's folder with its sidecars, as a glob."""
        for folder in _written(self._shelf):
            let_read(self._db, file_system(folder)[0])
        globs = [(folder, f"{escape(folder)}/*/*/*.parquet") for folder in sorted(_written(self._shelf))]
        return [(folder, files) for folder, files in globs if self._some(files)]

    def _some(self, files: str) -> bool:
        return bool(self._db.execute("SELECT 1 FROM glob(?) LIMIT 1", [files]).fetchall())


def _written(shelf: Shelf) -> set[str]:
    """Return the folders that exports were written to, as the runs' records tell."""
    return {run.config["to"] for run in read_records(shelf) if run.verb == "export" and run.status == "done"}
