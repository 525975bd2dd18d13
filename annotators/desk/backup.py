"""Backup and restore: a desk as one file of JSON lines, from any database into any other.

The first line says what the file should come to: how many events, the digest of the last, and the digest of the state
that they fold to. A restore checks all three before anything is written, so a file that was cut short or changed is
refused whole. The file holds people's names and notes, and no door's key.
"""

from __future__ import annotations

import os
from itertools import chain

import msgspec
from msgspec import Struct

from annotators.desk.fold import fold
from annotators.desk.ledger import Ledger
from annotators.desk.log import BEGIN, FORMAT, Row, event_of
from annotators.desk.state import State, digest_of
from schemas.errors import BadInput, Unavailable


class Head(Struct, frozen=True):
    """What a backup holds."""

    format: int
    events: int
    chain: str
    state: str


def backup(ledger: Ledger, path: str) -> Head:
    """Write a desk to a file, whole or not at all; returns what it holds."""
    rows, state = list(ledger.rows()), State()
    last = _folded(rows, state, ledger.where)
    head = Head(FORMAT, len(rows), last, digest_of(state))
    before = f"{path}.{os.getpid()}.part"
    try:
        with open(before, "wb") as file:
            file.writelines(msgspec.json.encode(one) + b"\n" for one in chain([head], rows))
            file.flush()
            os.fsync(file.fileno())
        os.replace(before, path)
    except OSError as error:
        what = f"the backup cannot be written ({error.strerror})"
        raise Unavailable(what, where=path, remedy="make room, or name another place") from None
    return head


def restore(path: str, ledger: Ledger) -> Head:
    """Fill a desk that holds nothing from a backup, whole or not at all."""
    try:
        with open(path, "rb") as file:
            first, *lines = file.read().splitlines()
        head = msgspec.json.decode(first, type=Head)
        rows = [msgspec.json.decode(line, type=Row) for line in lines]
    except OSError as error:
        raise BadInput(f"the backup cannot be read ({error.strerror})", where=path, remedy="name a backup") from None
    except (ValueError, msgspec.DecodeError) as error:
        raise BadInput(f"it is no backup of a desk ({error})", where=path, remedy="name a whole one") from None
    if head.format != FORMAT:
        remedy = "restore it with the version of ostraka that wrote it"
        raise BadInput(f"a backup of format {head.format}, this is {FORMAT}", where=path, remedy=remedy)
    state = State()
    last = _folded(rows, state, path)
    if (len(rows), last, digest_of(state)) != (head.events, head.chain, head.state):
        what = f"it says {head.events} events and holds {len(rows)}, or they come to another state"
        raise BadInput(what, where=path, remedy="take another backup: this one was cut short or changed")
    ledger.fill(rows)
    return head


def _folded(rows: list[Row], state: State, where: str) -> str:
    """Fold rows into a state, and return the digest of the last."""
    last = BEGIN
    for row in rows:
        fold(state, event_of(row, last, where), row.at_ms)
        last = row.chain
    return last
