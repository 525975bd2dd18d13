"""The log: a table of events that only grows, on SQLite or on PostgreSQL.

Each row's digest covers the one before it, so a log that was edited behind the desk's back is known. Events carry
numbers without gaps, given under the writer's lock. Triggers in the database refuse to change or delete a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Protocol

import msgspec
from msgspec import Struct

from annotators.desk.events import AnyEvent
from schemas.errors import BadInput, Unavailable

FORMAT = 1
BEGIN = sha256(f"ostraka desk {FORMAT}".encode()).hexdigest()
"""What the first row's digest covers."""


class Row(Struct, frozen=True):
    """An event as it is written: its number from 1, what the clock said, its JSON, and the chain's digest."""

    seq: int
    at_ms: int
    event: str
    chain: str


class Recorded(Struct, frozen=True):
    """An event with its number and what the clock said."""

    seq: int
    at_ms: int
    event: AnyEvent


class Log(Protocol):
    """What a database does for the ledger."""

    where: str

    def after(self, seq: int) -> Iterator[Row]:
        """Yield the rows behind a number, in order."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Hold the writer's lock; what is appended inside is written whole, or not at all."""
        ...

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows, under the lock."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def row_of(seq: int, at_ms: int, event: AnyEvent, before: str) -> Row:
    """Return an event's row behind the row with the digest `before`."""
    text = msgspec.json.encode(event, order="deterministic").decode()
    return Row(seq, at_ms, text, chained(before, seq, at_ms, text))


def chained(before: str, seq: int, at_ms: int, text: str) -> str:
    """Return the digest of a row and of all before it."""
    return sha256(f"{before}\n{seq}\n{at_ms}\n{text}".encode()).hexdigest()


_DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def event_of(row: Row, before: str, where: str) -> AnyEvent:
    """Return a row's event; raises Unavailable where the row is not the one that was written."""
    if row.chain != chained(before, row.seq, row.at_ms, row.event):
        what = f"event {row.seq} is not the one that was written"
        raise Unavailable(what, where=where, remedy="restore the ledger from a backup")
    try:
        return _DECODER.decode(row.event)
    except msgspec.DecodeError as error:
        what = f"event {row.seq} cannot be read ({error})"
        raise BadInput(what, where=where, remedy="open it with the version of ostraka that wrote it") from None


def open_log(url: str, desk: str) -> Log:
    """Open a desk's log: a path is a SQLite file, postgresql:// a server."""
    if not desk:
        raise BadInput("a desk needs a name", where="desk", remedy="give one")
    if url.startswith(("postgresql://", "postgres://")):
        from annotators.desk.postgres import PostgresLog

        return PostgresLog(url, desk)
    if "://" in url.removeprefix("sqlite://") or not url.removeprefix("sqlite://"):
        remedy = "give a path for SQLite, or postgresql://user@host/database"
        raise BadInput("no ledger can lie there", where=url, remedy=remedy)
    from annotators.desk.sqlite import SqliteLog

    return SqliteLog(url.removeprefix("sqlite://"), desk)
