"""Compaction: an annotator's pieces of a shard become one, which holds the last word on every row; no answer changes.

The union takes the place of piece 0000 by a rename and says how many pieces it stands for: a reader goes on behind
them, a number is never used again, and only then are the others removed. So it may be killed anywhere, and a run that
writes its next piece meanwhile loses nothing. The other way, a new folder and a switch, would need every reader to know
which of the two counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

from pipelines.engines.engine import Engine
from pipelines.record.record import recorded
from pipelines.shelf.held import alone, held
from pipelines.shelf.keys import maps_of, merge_maps
from pipelines.shelf.notes import STANDS_FOR, piece_path, piece_tag, read_pieces
from pipelines.shelf.pieces import is_marked, mark_path, numbered
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import KINDS, arrow_type, parquet_bytes, table_of
from schemas.publish import publish_over, put
from schemas.tables import SEEN, Column

_KIND_OF = {arrow_type(kind): kind for kind in KINDS if kind != "dictionary"}


class Compacted(Struct, frozen=True):
    """Files before and after, by folder: `notes/<annotator>@<fp>`, and `keys`."""

    before: dict[str, int]
    after: dict[str, int]


class CompactShard(Struct, frozen=True):
    """Work: make one piece of each annotator's pieces of a shard."""

    shelf_url: str
    annotator_ids: tuple[str, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], None]]:
        """Yield what compacts one shard."""
        shelf = Shelf(self.shelf_url)

        def do(shard: str) -> None:
            with held(shelf, shard):
                for annotator_id in self.annotator_ids:
                    _compact(shelf, annotator_id, shard)

        yield do


def compact(
    shelf: Shelf, engine: Engine, progress: Callable[[str, Sequence[str], Any], Any] | None = None
) -> Compacted:
    """Compact the notes and the key maps of a shelf; the same call again goes on where this one stopped.

    Raises BadInput where there are no samples, Unavailable where another compaction is at work here.
    """
    shelf.need_shards()
    with (
        alone(shelf, "compact", "compaction"),
        recorded(shelf, "compact", {"engine": msgspec.to_builtins(engine)}) as record,
    ):
        shelf.sweep()
        before = _counted(shelf)
        _compact_notes(shelf, engine, progress)
        merge_maps(shelf)
        after = _counted(shelf)
        record.count("files_before", sum(before.values()))
        record.count("files_after", sum(after.values()))
        return Compacted(before, after)


def _compact_notes(shelf: Shelf, engine: Engine, progress: Callable[[str, Sequence[str], Any], Any] | None) -> None:
    several = {
        annotator_id: shards
        for annotator_id in shelf.folders("notes")
        if (shards := [shard for shard, numbers in numbered(shelf, annotator_id).items() if len(numbers) > 1])
        or is_marked(shelf, annotator_id)
    }
    for annotator_id in several:
        put(shelf.fs, mark_path(shelf, annotator_id), b"")
    shards = sorted({shard for found in several.values() for shard in found})
    answers = engine.map(CompactShard(shelf.url, tuple(several)), shards)
    for _ in progress("compact", shards, answers) if progress else answers:
        pass
    for annotator_id in several:
        shelf.fs.rm_file(mark_path(shelf, annotator_id))


def _compact(shelf: Shelf, annotator_id: str, shard: str) -> None:
    while (stands_for := _united(shelf, annotator_id, shard)) is None:
        continue
    for number in range(1, stands_for):
        with suppress(FileNotFoundError):
            shelf.fs.rm_file(piece_path(shelf, annotator_id, shard, number))


def _united(shelf: Shelf, annotator_id: str, shard: str) -> int | None:
    """Put one piece in the place of the first and return how many it stands for, None where another compaction was
    faster."""
    tag, pieces, stands_for = piece_tag(shelf, annotator_id, shard), list[pa.Table](), 0
    for stands_for, piece in read_pieces(shelf, annotator_id, shard):  # noqa: B007
        pieces.append(piece)
    if len(pieces) < 2:
        return stands_for
    words = _last_words(pieces)
    columns = (*SEEN, *(Column(field.name, _kind(field.type)) for field in list(words.schema)[len(SEEN) :]))
    table = table_of(columns, {column.name: words[column.name] for column in columns})
    metadata = {STANDS_FOR.decode(): str(stands_for)}
    path = piece_path(shelf, annotator_id, shard, 0)
    over = publish_over(shelf.fs, path, lambda file: parquet_bytes(table, columns, file, metadata), str(tag))
    return stands_for if over else None


def _kind(arrow: pa.DataType) -> str:
    return f"list<{_kind(arrow.value_type)}>" if pa.types.is_list(arrow) else _KIND_OF[arrow]


def _last_words(pieces: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all pieces in order, each once: of several, the one in the latest piece."""
    table = pa.concat_tables(pieces)
    rows = table["row"].to_numpy()
    order = np.argsort(rows, kind="stable")
    last = np.append(rows[order[1:]] != rows[order[:-1]], np.ones(min(1, len(rows)), np.bool_))
    return table.take(order[last])


def _counted(shelf: Shelf) -> dict[str, int]:
    notes = {f"notes/{one}": sum(map(len, numbered(shelf, one).values())) for one in shelf.folders("notes")}
    return {**notes, "keys": len(maps_of(shelf))}
