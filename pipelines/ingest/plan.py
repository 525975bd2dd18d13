"""The plan: a source's rows are cut into shards once; a later listing appends, and a rerun reads the plan.

DuckDB holds the listing, so that it may be longer than memory: it leaves out the rows that are planned already and
finds names that stand twice. Plan files are numbered and created exclusively, so two runs at once agree on one plan.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct

from pipelines.ingest.row import from_json, to_json
from pipelines.ingest.source import Source
from pipelines.shelf import Shelf, shard_name
from pipelines.table import put_table, read_table
from schemas.tables import PLAN

BATCH = 4096
MEMORY_LIMIT = "1GB"

_NEW_ROWS = """
    SELECT unique_name, payload, size_bytes, copy FROM (
        SELECT *, CASE copy WHEN 1 THEN name ELSE name || '#' || copy END AS unique_name FROM (
            SELECT *, row_number() OVER (PARTITION BY name ORDER BY ordinal) AS copy FROM listing))
    ANTI JOIN planned ON planned.name = unique_name
    ORDER BY ordinal
"""


class Cut(Struct, frozen=True):
    """Where a shard ends: after so many rows, or so many MiB of media."""

    rows: int = 10_000
    mib: int = 1024


class Planned(Struct, frozen=True):
    """How many rows the source lists, and how many of them were not planned before."""

    listed: int
    new: int


def plan(shelf: Shelf, source: Source, dataset: str, cut: Cut) -> Planned:
    """List a source and plan what is new in it; memory does not grow with the listing."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect(f"{folder}/listing.duckdb") as db:
        db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET temp_directory = '{folder}'; SET threads = 1")
        listed = _list(db, source)
        _read_planned(shelf, db, dataset)
        [(new,)] = db.execute(f"SELECT count(*) FROM ({_NEW_ROWS})").fetchall()
        while not _append(shelf, db, dataset, cut):
            _read_planned(shelf, db, dataset)
        return Planned(listed, new)


def _list(db: Any, source: Source) -> int:
    db.execute("CREATE TABLE listing (ordinal BIGINT, name VARCHAR, size_bytes BIGINT, payload VARCHAR)")
    listed = 0
    rows = iter(source.rows())
    while batch := list(islice(rows, BATCH)):
        columns = {
            "ordinal": range(listed, listed + len(batch)),
            "name": [row.name for row in batch],
            "size_bytes": [sum(ref.size_bytes for ref in row.media) for row in batch],
            "payload": [to_json(row) for row in batch],
        }
        _insert(db, "listing", columns)
        listed += len(batch)
    return listed


def _read_planned(shelf: Shelf, db: Any, dataset: str) -> None:
    db.execute("CREATE OR REPLACE TABLE planned (name VARCHAR)")
    for shard in shelf.planned():
        table = read_table(shelf.fs, shelf.path("plan", f"{shard}.parquet"), ["dataset", "name"]).to_pydict()
        names = [name for name, other in zip(table["name"], table["dataset"], strict=True) if other == dataset]
        if names:
            _insert(db, "planned", {"name": names})


def _insert(db: Any, table: str, columns: dict[str, Any]) -> None:
    db.register("batch", pa.table(columns))
    db.execute(f"INSERT INTO {table} SELECT * FROM batch")
    db.unregister("batch")


def _append(shelf: Shelf, db: Any, dataset: str, cut: Cut) -> bool:
    """Write plan files for the new rows; return False where another run took a number meanwhile."""
    number = len(shelf.planned())
    for rows in _shards(db, cut):
        columns = {
            "dataset": [dataset] * len(rows),
            "name": [name for name, _ in rows],
            "payload": [payload for _, payload in rows],
        }
        path = shelf.path("plan", f"{shard_name(number)}.parquet")
        if not put_table(shelf.fs, path, PLAN, columns, exclusive=True):
            return False
        number += 1
    return True


def _shards(db: Any, cut: Cut) -> Iterator[list[tuple[str, str]]]:
    found = db.cursor().execute(_NEW_ROWS)
    rows, size_bytes = list[tuple[str, str]](), 0
    while batch := found.fetchmany(BATCH):
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
