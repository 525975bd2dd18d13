"""Note pieces: what an annotator found on a shard, in numbered files that never repeat a row.

A piece is created exclusively under the next free number. A writer reads the pieces that are there, leaves out the
rows they cover, and tries the next number; if somebody was faster, it reads again. So two runs at once cannot write a
row twice, and a killed one leaves whole pieces. Only a failed row may stand again in a later piece, after `--retry`;
the last word counts. A compacted piece says how many it stands for, and the next number is the one after them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from annotators.annotator import Annotator
from filters.columns import Lists
from pipelines.shelf.arrow_columns import flat, to_numpy
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import open_table, put_table, table_if_there, table_of
from schemas.note import Failed, Note, Noted
from schemas.tables import PLACES, SEEN, Column

Found = Mapping[int, Noted | Failed]

SOURCE_NOTES = "source@1"
"""Who wrote the notes that the source alone could know."""

STANDS_FOR = b"pieces"
"""The key of a compacted piece's metadata: how many pieces it stands for, itself among them."""


def note_columns(annotator: Annotator) -> tuple[Column, ...]:
    """Return the columns of an annotator's pieces."""
    own = tuple(Column(name.name, name.kind) for name in annotator.writes)
    return (*SEEN, *own, Column(PLACES, "string")) if annotator.places else (*SEEN, *own)


def piece_path(shelf: Shelf, annotator_id: str, shard: str, number: int) -> str:
    """Return the path of a piece."""
    return shelf.path("notes", annotator_id, f"{shard}-{number:04d}.parquet")


def read_pieces(
    shelf: Shelf, annotator_id: str, shard: str, first: int = 0, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """Yield the pieces of a shard from number `first` on, in order, each with the number of the next.

    Where a compaction came between two of them, all that there are follow once more, from the first.
    """
    before = piece_tag(shelf, annotator_id, shard)
    while before is not None:
        with table_if_there(shelf.fs, piece_path(shelf, annotator_id, shard, first)) as piece:
            if piece is None:
                break
            first += pieces_in(piece)
            yield first, piece.read(columns=None if columns is None else list(columns), use_threads=False)
    if before is not None and before != piece_tag(shelf, annotator_id, shard):
        yield from read_pieces(shelf, annotator_id, shard, 0, columns)


def piece_tag(shelf: Shelf, annotator_id: str, shard: str) -> Any:
    """Return what tells the first piece from the one that a compaction puts in its place."""
    path = piece_path(shelf, annotator_id, shard, 0)
    try:
        return os.stat(path).st_ino if shelf.is_local else shelf.fs.ukey(path)
    except FileNotFoundError:
        return None


def pieces_in(piece: Any) -> int:
    """Return how many pieces a file stands for."""
    return int((piece.metadata.metadata or {}).get(STANDS_FOR, b"1"))


class Notes:
    """The notes of one annotator on one shard of `count` rows, as they are on the shelf and as they grow.

    `read`: the names of the values that are held, by default all.
    """

    def __init__(
        self,
        shelf: Shelf,
        annotator: Annotator,
        annotator_id: str,
        shard: str,
        count: int,
        read: Sequence[str] | None = None,
    ) -> None:
        self._shelf, self._annotator, self._id, self._shard = shelf, annotator, annotator_id, shard
        own = [name.name for name in annotator.writes]
        self._held = own if read is None else [name for name in own if name in read]
        self._kinds = {name.name: name.kind for name in annotator.writes}
        self._place = np.full(count, -1, np.int64)
        self._failed = np.zeros(count, np.bool_)
        self.reasons: dict[int, str] = {}
        self._tables: list[pa.Table] = []
        self._next, self._rows = 0, 0
        self._read_on()

    @property
    def noted(self) -> NDArray[np.bool_]:
        """Say of each row whether there are notes of it."""
        return self._place >= 0

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Say of each row whether it could not be looked at; `reasons` says why."""
        return self._failed

    def column(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any] | Lists:
        """Return one value's column of these rows, all of which must be noted."""
        if not len(self._tables):
            return to_numpy(table_of((Column(name, self._kinds[name]),), {name: []})[name])
        self._tables = [pa.concat_tables(self._tables).combine_chunks()] if len(self._tables) > 1 else self._tables
        values, place = self._tables[0][name], self._place[rows]
        if len(place) != len(values) or not (place == np.arange(len(place))).all():
            values = values.take(pa.array(place))
        return to_numpy(values)

    def values(self, row: int) -> dict[str, Any]:
        """Return what was noted of one row."""
        found = {}
        for name in self._held:
            column = self.column(name, np.array([row]))
            found[name] = (column.row(0) if isinstance(column, Lists) else column).tolist()
        return {name: value if self._kinds[name].startswith("list<") else value[0] for name, value in found.items()}

    def add(self, found: Found, *, retried: bool = False) -> int:
        """Publish what was found on some rows as the next piece, without the rows that others wrote meanwhile; return
        how many pieces that made."""
        while True:
            rows = sorted(row for row in found if not self.covers(row) or (retried and self._failed[row]))
            if not rows:
                return 0
            columns = self._columns(rows, found)
            path = piece_path(self._shelf, self._id, self._shard, self._next)
            if put_table(self._shelf.fs, path, note_columns(self._annotator), columns, exclusive=True):
                if self._overtaken():
                    self._shelf.fs.rm_file(path)
                    self._next = 0
                    self._read_on()
                    continue
                self._next += 1
                self._take(table_of(note_columns(self._annotator), columns).select(["row", "failed", *self._held]))
                return 1
            self._read_on()

    def _overtaken(self) -> bool:
        """Say whether a compaction meanwhile made the next number one of those that the first piece stands for."""
        if not self._next:
            return False
        with open_table(self._shelf.fs, piece_path(self._shelf, self._id, self._shard, 0)) as first:
            return self._next < pieces_in(first)

    def covers(self, row: int) -> bool:
        """Say whether this row was looked at."""
        return bool(self._place[row] >= 0 or self._failed[row])

    def _read_on(self) -> None:
        columns = ["row", "failed", *self._held]
        for following, piece in read_pieces(self._shelf, self._id, self._shard, self._next, columns):
            self._next = following
            self._take(piece)

    def _take(self, piece: pa.Table) -> None:
        rows = flat(piece["row"])
        failed = pc.not_equal(piece["failed"], "").to_numpy()
        good = np.flatnonzero(~failed)
        self._failed[rows] = failed
        for row in rows[~failed].tolist() if self.reasons else ():
            self.reasons.pop(row, None)
        self._place[rows[good]] = self._rows + good
        if len(good) < len(rows):
            said = piece["failed"].filter(pa.array(failed)).to_pylist()
            self.reasons.update(zip(rows[failed].tolist(), said, strict=True))
        self._tables.append(piece)
        self._rows += len(rows)

    def _columns(self, rows: Sequence[int], found: Found) -> dict[str, list[Any]]:
        noted = [found[row] for row in rows]
        columns: dict[str, list[Any]] = {
            "row": list(rows),
            "failed": [one.reason if isinstance(one, Failed) else "" for one in noted],
        }
        for name in self._kinds:
            columns[name] = [None if isinstance(one, Failed) else one.values[name] for one in noted]
        if self._annotator.places:
            columns[PLACES] = ["" if isinstance(one, Failed) else places_json(one.places) for one in noted]
        return columns


def places_json(places: Sequence[Note]) -> str:
    """Return notes on places as the JSON list that a piece holds, empty where there are none."""
    return msgspec.json.encode(places).decode() if places else ""
