"""Note pieces: what an annotator found on a shard, in numbered files that never repeat a row.

A piece is created exclusively under the next free number. A writer reads the pieces that are there, leaves out the
rows they cover, and tries the next number; if somebody was faster, it reads again. So two runs at once cannot write a
row twice, and a killed one leaves whole pieces. Only a failed row may stand again in a later piece, after `--retry`;
the last word counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from annotators.annotator import Annotator
from pipelines.guard_talk import Failed
from pipelines.shelf import Shelf
from pipelines.table import put_table, read_table
from schemas.note import Note, Noted
from schemas.tables import PLACES, SEEN, Column

Found = Mapping[int, Noted | Failed]


def note_columns(annotator: Annotator) -> tuple[Column, ...]:
    """Return the columns of an annotator's pieces."""
    own = tuple(Column(name.name, name.kind) for name in annotator.writes)
    return (*SEEN, *own, Column(PLACES, "string")) if annotator.places else (*SEEN, *own)


def piece_path(shelf: Shelf, annotator_id: str, shard: str, number: int) -> str:
    """Return the path of a piece."""
    return shelf.path("notes", annotator_id, f"{shard}-{number:04d}.parquet")


def read_pieces(shelf: Shelf, annotator_id: str, shard: str, first: int = 0) -> list[pa.Table]:
    """Return the pieces of a shard from `first` on, in order."""
    pieces: list[pa.Table] = []
    while shelf.fs.exists(path := piece_path(shelf, annotator_id, shard, first + len(pieces))):
        pieces.append(read_table(shelf.fs, path))
    return pieces


class Notes:
    """The notes of one annotator on one shard, as they are on the shelf and as they grow."""

    def __init__(self, shelf: Shelf, annotator: Annotator, annotator_id: str, shard: str) -> None:
        self._shelf, self._annotator, self._id, self._shard = shelf, annotator, annotator_id, shard
        self.values: dict[int, tuple[Any, ...]] = {}
        self.failed: dict[int, str] = {}
        self._pieces = 0
        self._names = [name.name for name in annotator.writes]
        self._read_on()

    def _read_on(self) -> None:
        for piece in read_pieces(self._shelf, self._id, self._shard, self._pieces):
            self._pieces += 1
            self._take(piece.to_pydict())

    def _take(self, columns: Mapping[str, Sequence[Any]]) -> None:
        values = zip(*(columns[name] for name in self._names), strict=True) if self._names else iter(())
        own = list(values) if self._names else [()] * len(columns["row"])
        for row, failed, found in zip(columns["row"], columns["failed"], own, strict=True):
            if failed:
                self.failed[row] = failed
            else:
                self.failed.pop(row, None)
                self.values[row] = found

    def covers(self, row: int) -> bool:
        """Say whether this row was looked at."""
        return row in self.values or row in self.failed

    def add(self, found: Found, *, retried: bool = False) -> None:
        """Publish what was found on some rows as the next piece, without the rows that others wrote meanwhile."""
        while True:
            rows = sorted(row for row in found if not self.covers(row) or (retried and row in self.failed))
            if not rows:
                return
            columns = self._columns(rows, found)
            path = piece_path(self._shelf, self._id, self._shard, self._pieces)
            if put_table(self._shelf.fs, path, note_columns(self._annotator), columns, exclusive=True):
                self._pieces += 1
                self._take(columns)
                return
            self._read_on()

    def _columns(self, rows: Sequence[int], found: Found) -> dict[str, list[Any]]:
        noted = [found[row] for row in rows]
        columns: dict[str, list[Any]] = {
            "row": list(rows),
            "failed": [one.reason if isinstance(one, Failed) else "" for one in noted],
        }
        for name in self._names:
            columns[name] = [None if isinstance(one, Failed) else one.values[name] for one in noted]
        if self._annotator.places:
            columns[PLACES] = ["" if isinstance(one, Failed) else places_json(one.places) for one in noted]
        return columns


def places_json(places: Sequence[Note]) -> str:
    """Return notes on places as the JSON list that a piece holds, empty where there are none."""
    return msgspec.json.encode(places).decode() if places else ""
