"""Where a sample was exported to: the finished exports whose sidecars hold its key."""

from __future__ import annotations

from functools import cached_property
from glob import escape
from typing import Any

from pipelines.sql_text import quoted


class Exported:
    """The keys of the exports that are still where they were written; read once, held by DuckDB."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def folders(self, key: str) -> tuple[str, ...]:
        """Return the folders of the exports that hold a sample."""
        if not self._table:
            return ()
        found = self._db.execute(f"SELECT folder FROM {self._table} WHERE key = ? ORDER BY folder", [key])
        return tuple(folder for (folder,) in found.fetchall())

    @cached_property
    def _table(self) -> str:
        """The name of the table of keys, empty where nothing was exported."""
        folders = self._db.execute("SELECT DISTINCT folder FROM exports ORDER BY folder").fetchall()
        there = [(folder, files) for (folder,) in folders if self._some(files := f"{escape(folder)}/*/*/*.parquet")]
        if not there:
            return ""
        selects = [f"SELECT DISTINCT {quoted(to)} AS folder, key FROM read_parquet({quoted(f)})" for to, f in there]
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE exported AS {' UNION ALL '.join(selects)}")
        return "exported"

    def _some(self, files: str) -> bool:
        return bool(self._db.execute("SELECT 1 FROM glob(?) LIMIT 1", [files]).fetchall())
