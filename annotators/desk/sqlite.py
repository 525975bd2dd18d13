"""The log in a SQLite file: the default, with nothing to install and one file to copy.

The file must lie on a disk of this machine: SQLite's locks do not hold on most network disks, where PostgreSQL is the
answer. Every turn is synced before it is told to anyone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from annotators.desk.log import Row
from schemas.errors import BadInput, Unavailable

WAIT_S = 60.0
"""How long a writer waits for the others."""

_TABLE = """
CREATE TABLE IF NOT EXISTS desk_events (
    desk TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, event TEXT NOT NULL, chain TEXT NOT NULL,
    PRIMARY KEY (desk, seq)
) WITHOUT ROWID
"""
_REFUSE = """
CREATE TRIGGER IF NOT EXISTS desk_events_no_{verb} BEFORE {verb} ON desk_events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
"""


class SqliteLog:
    """A desk's events in a SQLite file; a connection belongs to the thread that made it."""

    def __init__(self, path: str, desk: str) -> None:
        self.where, self._desk = path, desk
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise BadInput("the ledger's folder is not there", where=folder, remedy="make it, or name another")
        with self._failing():
            self._db = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
        try:
            with self._failing():
                self._db.execute("PRAGMA synchronous = FULL")
                if not self._there():
                    with self.writing():
                        for statement in (_TABLE, *(_REFUSE.format(verb=verb) for verb in ("UPDATE", "DELETE"))):
                            self._db.execute(statement)
        except BaseException:
            self._db.close()
            raise

    def _there(self) -> bool:
        named = "SELECT 1 FROM sqlite_master WHERE name = 'desk_events_no_DELETE'"
        return self._db.execute(named).fetchone() is not None

    def after(self, seq: int) -> Iterator[Row]:
        """Yield the rows behind a number, in order."""
        query = "SELECT seq, at_ms, event, chain FROM desk_events WHERE desk = ? AND seq > ? ORDER BY seq"
        with self._failing():
            for row in self._db.execute(query, (self._desk, seq)).fetchall():
                yield Row(*row)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock; what is appended inside is written whole, or not at all."""
        with self._failing():
            self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._failing():
                self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows, under the lock."""
        given = [(self._desk, row.seq, row.at_ms, row.event, row.chain) for row in rows]
        with self._failing():
            self._db.executemany("INSERT INTO desk_events VALUES (?, ?, ?, ?, ?)", given)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            remedy = "make sure that it is a ledger on a local disk with room, that you may write it, and try again"
            raise Unavailable(
                f"the ledger cannot be read and written ({error})", where=self.where, remedy=remedy
            ) from None
