"""The plan: a source's rows are cut into shards once; a later listing appends, and a rerun reads the plan.

DuckDB holds the listing, so that it may be longer than memory: it leaves out the rows that are planned already and
finds names that stand twice. Plan files are numbered and created exclusively, so two runs at once agree on one plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct

from pipelines.engines.temporary import temporary_folder
from pipelines.ingest.row import Cell, Ref, Row, from_json, in_utf8, to_json
from pipelines.ingest.source import Source, readable
from pipelines.shelf.held import held
from pipelines.shelf.shelf import Shelf, shard_name
from pipelines.shelf.sql_text import quoted
from pipelines.shelf.table import put_if_changed, put_table, read_table
from schemas.errors import BadInput, Unavailable
from schemas.tables import PLAN

BATCH_ROWS = 4096
BATCH_BYTES = 32 << 20
FETCH_ROWS = 64
MEMORY_LIMIT = "256MB"
LINK_BYTES = 256 << 10
"""What a picture that nobody has fetched yet, or those beside a document, count for where a shard is cut."""

_CONTENT = """md5(regexp_replace({0}, '"stamp":"[^"]*"', '', 'g'))"""
"""What a row says and how long its files are; not when they were written, which a copy of the source changes."""

_ROWS = """
    CREATE VIEW rows AS
    SELECT ordinal, payload, size_bytes, copy,
        CASE WHEN copy = 1 AND NOT regexp_matches(name, '#[0-9]+$') THEN name ELSE name || '#' || copy END AS name
    FROM (SELECT *, row_number() OVER (PARTITION BY name ORDER BY ordinal) AS copy FROM listing)
"""
"""A name that stands again gets its number, and so does one that looks as if it had: no two names can meet."""

_NEW_ROWS = "SELECT name, payload, size_bytes, copy FROM rows ANTI JOIN planned USING (name) ORDER BY ordinal"

_CHANGED_ROWS = f"""
    SELECT count(*) FROM rows JOIN planned USING (name)
    WHERE planned.made AND rows.copy = 1 AND planned.content <> {_CONTENT.format("rows.payload")}
"""


class Cut(Struct, frozen=True):
    """Where a shard ends: after so many rows, or so many MiB of pictures, videos and texts."""

    rows: int = 10_000
    mib: int = 1024


class Planned(Struct, frozen=True):
    """How many rows the source lists, how many were not planned before, how many say something else than when they
    were taken (they stay as they are), and all shards of the dataset."""

    listed: int
    new: int
    changed: int
    shards: list[str]


class Listing:
    """A source's rows, as they were listed."""

    def __init__(self, db: Any, listed: int) -> None:
        self._db, self.listed = db, listed

    def plan(self, shelf: Shelf, dataset: str, cut: Cut) -> Planned:
        """Plan what is new, and take what is planned but not made as it is listed now."""
        known, shards = _read_planned(shelf, self._db, dataset)
        for shard in shards:
            _take_anew(shelf, self._db, shard)
        [(changed,)] = self._db.execute(_CHANGED_ROWS).fetchall()
        [(new,)] = self._db.execute(f"SELECT count(*) FROM ({_NEW_ROWS})").fetchall()
        while (added := _append(shelf, self._db, dataset, cut, known)) is None:
            known, shards = _read_planned(shelf, self._db, dataset)
        return Planned(self.listed, new, changed, shards + added)


@contextmanager
def listing(source: Source, where: str) -> Iterator[Listing]:
    """List a source; memory does not grow with it.

    Raises BadInput where it is none, cannot be read, or holds no row that can be a sample.
    """
    import duckdb

    with temporary_folder("listing") as folder:
        try:
            with duckdb.connect(f"{folder}/listing.duckdb") as db:
                db.execute(
                    f"SET memory_limit = '{MEMORY_LIMIT}'; SET temp_directory = {quoted(folder)}; SET threads = 1"
                )
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
    db.execute(_ROWS)
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
    files: list[Ref | Cell] = [*row.media, *row.cells, *(ref for _, ref in row.text_files)]
    beside = row.json_file.size_bytes if row.json_file else 0
    beside += row.document.ref.size_bytes + LINK_BYTES if row.document else 0
    text_bytes = sum(len(text) for _, text in row.texts)
    return sum(ref.size_bytes for ref in files) + beside + text_bytes + LINK_BYTES * len(row.links)


def _read_planned(shelf: Shelf, db: Any, dataset: str) -> tuple[int, list[str]]:
    """Take in the rows that are planned; return how many plans were read, and which are this dataset's."""
    db.execute("CREATE OR REPLACE TABLE planned (name VARCHAR, content VARCHAR, made BOOLEAN)")
    shards: list[str] = []
    planned = shelf.planned()
    for shard in planned:
        table = read_table(shelf.fs, _path(shelf, shard))
        if dataset in table["dataset"].to_pylist():
            db.register("batch", table)
            made = "true" if _is_made(shelf, shard) else "false"
            db.execute(f"INSERT INTO planned SELECT name, {_CONTENT.format('payload')}, {made} FROM batch")
            db.unregister("batch")
            shards.append(shard)
    return len(planned), shards


def _take_anew(shelf: Shelf, db: Any, shard: str) -> None:
    """Write the plan of a shard that is not made yet with its rows as they are listed now, where that differs."""
    if _is_made(shelf, shard):
        return
    with held(shelf, shard):
        if _is_made(shelf, shard):
            return
        table = read_table(shelf.fs, _path(shelf, shard))
        db.register("batch", table)
        listed = {
            name: payload if copy == 1 else _twice(payload)
            for name, payload, copy in db.execute(
                "SELECT name, rows.payload, copy FROM rows SEMI JOIN batch USING (name)"
            ).fetchall()
        }
        db.unregister("batch")
        columns = table.to_pydict()
        planned = zip(columns["name"], columns["payload"], strict=True)
        columns["payload"] = [listed.get(name, payload) for name, payload in planned]
        put_if_changed(shelf.fs, _path(shelf, shard), PLAN, columns)


def _is_made(shelf: Shelf, shard: str) -> bool:
    return bool(shelf.fs.isfile(shelf.path("catalog", f"{shard}.parquet")))


def _path(shelf: Shelf, shard: str) -> str:
    return shelf.path("plan", f"{shard}.parquet")


def _insert(db: Any, table: str, columns: dict[str, Any]) -> None:
    db.register("batch", pa.table(columns))
    db.execute(f"INSERT INTO {table} SELECT * FROM batch")
    db.unregister("batch")


def _append(shelf: Shelf, db: Any, dataset: str, cut: Cut, known: int) -> list[str] | None:
    """Write plan files behind the `known` ones that were read, for the new rows, and return the shards.

    Returns None where another run wrote one meanwhile: its rows may be these.
    """
    added = list[str]()
    for rows in _shards(db, cut):
        columns = {
            "dataset": [dataset] * len(rows),
            "name": [name for name, _ in rows],
            "payload": [payload for _, payload in rows],
        }
        shard = shard_name(known + len(added))
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
        msgspec.structs.replace(
            row,
            media=(),
            texts=(),
            text_files=(),
            json_file=None,
            cells=(),
            links=(),
            failed="duplicate_id",
            texts_before=(),
            document=None,
        )
    )
