"""The plan: a source's rows are cut into shards once; a later listing appends, and a rerun reads the plan.

DuckDB holds the listing, so that it may be longer than memory: it leaves out the rows that are planned already and
finds names that stand twice. Plan files are numbered and created exclusively, so two runs at once agree on one plan.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct

from pipelines.ingest.row import Row, from_json, in_utf8, to_json
from pipelines.ingest.source import Source, readable
from pipelines.shelf import Shelf, shard_name
from pipelines.table import put_table, read_table
from schemas.errors import BadInput, Unavailable
from schemas.tables import PLAN

BATCH_ROWS = 4096
BATCH_BYTES = 32 << 20
FETCH_ROWS = 64
MEMORY_LIMIT = "256MB"

_NEW_ROWS = """
    SELECT unique_name, payload, size_bytes, copy FROM (
        SELECT *, CASE copy WHEN 1 THEN name ELSE name || '#' || copy END AS unique_name FROM (
            SELECT *, row_number() OVER (PARTITION BY name ORDER BY ordinal) AS copy FROM listing))
    ANTI JOIN planned ON planned.name = unique_name
    ORDER BY ordinal
"""


class Cut(Struct, frozen=True):
    """Where a shard ends: after so many rows, or so many MiB of pictures, videos and texts."""

    rows: int = 10_000
    mib: int = 1024


class Planned(Struct, frozen=True):
    """How many rows the source lists, how many of them were not planned before, and all shards of the dataset."""

    listed: int
    new: int
    shards: list[str]


class Listing:
    """A source's rows, as they were listed."""

    def __init__(self, db: Any, listed: int) -> None:
        self._db, self.listed = db, listed

    def plan(self, shelf: Shelf, dataset: str, cut: Cut) -> Planned:
        """Plan what is new."""
        shards = _read_planned(shelf, self._db, dataset)
        [(new,)] = self._db.execute(f"SELECT count(*) FROM ({_NEW_ROWS})").fetchall()
        while (added := _append(shelf, self._db, dataset, cut)) is None:
            shards = _read_planned(shelf, self._db, dataset)
        return Planned(self.listed, new, shards + added)


@contextmanager
def listing(source: Source, where: str) -> Iterator[Listing]:
    """List a source; memory does not grow with it.

    Raises BadInput where it is none, cannot be read, or holds no row that can be a sample.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="ostraka-") as folder:
        try:
            with duckdb.connect(f"{folder}/listing.duckdb") as db:
                db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET temp_directory = '{folder}'; SET threads = 1")
                yield Listing(db, _list(db, source, where))
        except RuntimeError as error:
            if "interrupted" in str(error):
                raise KeyboardInterrupt from error
            raise
        except duckdb.Error as error:
            raise Unavailable(
                f"the listing cannot be held ({error})", where=folder, remedy="make room there, or set TMPDIR"
            ) from error


def _list(db: Any, source: Source, where: str) -> int:
    db.execute("CREATE TABLE listing (ordinal BIGINT, name VARCHAR, size_bytes BIGINT, payload VARCHAR)")
    listed, failed, first = 0, 0, ""
    with readable(where):
        for batch in _batches(in_utf8(row) for row in source.rows()):
            columns = {
                "ordinal": range(listed, listed + len(batch)),
                "name": [row.name for row, _ in batch],
                "size_bytes": [_size_bytes(row) for row, _ in batch],
                "payload": [payload for _, payload in batch],
            }
            _insert(db, "listing", columns)
            first = first or next((f"{row.failed} ({row.name})" for row, _ in batch if row.failed), "")
            failed += sum(bool(row.failed) for row, _ in batch)
            listed += len(batch)
    if listed and failed == listed:
        raise BadInput(f"none of its {listed} rows can be a sample, the first because of {first}", where=where)
    return listed


def _batches(rows: Iterable[Row]) -> Iterator[list[tuple[Row, str]]]:
    batch, size_bytes = list[tuple[Row, str]](), 0
    for row in rows:
        payload = to_json(row)
        batch.append((row, payload))
        size_bytes += len(payload)
        if len(batch) == BATCH_ROWS or size_bytes > BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _size_bytes(row: Row) -> int:
    files = [*row.media, *(ref for _, ref in row.text_files)]
    beside = row.json_file.size_bytes if row.json_file else 0
    return sum(ref.size_bytes for ref in files) + beside + sum(len(text) for _, text in row.texts)


def _read_planned(shelf: Shelf, db: Any, dataset: str) -> list[str]:
    db.execute("CREATE OR REPLACE TABLE planned (name VARCHAR)")
    shards: list[str] = []
    for shard in shelf.planned():
        table = read_table(shelf.fs, shelf.path("plan", f"{shard}.parquet"), ["dataset", "name"]).to_pydict()
        if dataset in table["dataset"]:
            _insert(db, "planned", {"name": table["name"]})
            shards.append(shard)
    return shards


def _insert(db: Any, table: str, columns: dict[str, Any]) -> None:
    db.register("batch", pa.table(columns))
    db.execute(f"INSERT INTO {table} SELECT * FROM batch")
    db.unregister("batch")


def _append(shelf: Shelf, db: Any, dataset: str, cut: Cut) -> list[str] | None:
    """Write plan files for the new rows and return the shards; None where another run took a number meanwhile."""
    number, added = len(shelf.planned()), list[str]()
    for rows in _shards(db, cut):
        columns = {
            "dataset": [dataset] * len(rows),
            "name": [name for name, _ in rows],
            "payload": [payload for _, payload in rows],
        }
        shard = shard_name(number + len(added))
        if not put_table(shelf.fs, shelf.path("plan", f"{shard}.parquet"), PLAN, columns, exclusive=True):
            return None
        added.append(shard)
    return added


def _shards(db: Any, cut: Cut) -> Iterator[list[tuple[str, str]]]:
    found = db.cursor().execute(_NEW_ROWS)
    rows, size_bytes = list[tuple[str, str]](), 0
    while batch := found.fetchmany(FETCH_ROWS):
        for name, payload, row_bytes, copy in batch:
            if rows and (len(rows) >= cut.rows or size_bytes + row_bytes > cut.mib << 20):
                yield rows
                rows, size_bytes = [], 0
            rows.append((name, payload if copy == 1 else _twice(payload)))
            size_bytes += row_bytes
    if rows:
        yield rows


def _twice(payload: str) -> str:
    row = from_json(payload)
    return to_json(
        msgspec.structs.replace(row, media=(), texts=(), text_files=(), json_file=None, failed="duplicate_id")
    )
