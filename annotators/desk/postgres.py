"""The log in PostgreSQL, where people work from several machines; one database may hold many desks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from annotators.desk.log import Row
from schemas.errors import BadInput, Unavailable
from schemas.mask import masked

_TABLE = """
CREATE TABLE IF NOT EXISTS desk_events (
    desk text NOT NULL, seq bigint NOT NULL, at_ms bigint NOT NULL, event text NOT NULL, chain text NOT NULL,
    PRIMARY KEY (desk, seq)
);
CREATE OR REPLACE FUNCTION desk_events_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$;
CREATE OR REPLACE TRIGGER desk_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON desk_events
FOR EACH STATEMENT EXECUTE FUNCTION desk_events_refuse();
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ostraka desk'), hashtext(%s))"
_AFTER = "SELECT seq, at_ms, event, chain FROM desk_events WHERE desk = %s AND seq > %s ORDER BY seq"
_INSERT = "COPY desk_events (desk, seq, at_ms, event, chain) FROM STDIN"


class PostgresLog:
    """A desk's events in a database; a writer's lock is the database's, and goes with a connection that breaks."""

    def __init__(self, url: str, desk: str) -> None:
        self.where, self._desk = masked(url), desk
        self._psycopg = _psycopg()
        with self._failing():
            self._db = self._psycopg.connect(url, autocommit=True, application_name="ostraka desk")
        try:
            with self._failing():
                if not self._there():
                    with self._db.transaction():
                        self._db.execute(_LOCK, ("",))
                        self._db.execute(_TABLE)
        except BaseException:
            self._db.close()
            raise

    def _there(self) -> bool:
        named = "SELECT 1 FROM pg_trigger WHERE tgname = 'desk_events_append_only'"
        return self._db.execute(named).fetchone() is not None

    def after(self, seq: int) -> Iterator[Row]:
        """Yield the rows behind a number, in order."""
        with self._failing():
            for row in self._db.execute(_AFTER, (self._desk, seq)).fetchall():
                yield Row(*row)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock; what is appended inside is written whole, or not at all."""
        with self._failing(), self._db.transaction():
            self._db.execute(_LOCK, (self._desk,))
            yield

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows, under the lock."""
        with self._failing(), self._db.cursor() as cursor, cursor.copy(_INSERT) as copy:
            for row in rows:
                copy.write_row((self._desk, row.seq, row.at_ms, row.event, row.chain))

    def close(self) -> None:
        """Let go of the connection."""
        self._db.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            what = f"the ledger cannot be read and written ({' '.join(str(error).split())})"
            remedy = "make sure that the server runs and lets you in, and try again"
            raise Unavailable(what, where=self.where, remedy=remedy) from None


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("a ledger in PostgreSQL needs psycopg", where="desk", remedy=remedy) from None
    return psycopg
