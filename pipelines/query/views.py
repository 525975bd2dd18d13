"""Views: the shelf as SQL, in a connection of our own or in a DuckDB file that plain `duckdb` opens.

Notes are read only through the fingerprints that recipes on this shelf name, so values of two versions of an annotator
never mix; a view is a glob over whole files, so there is no ledger that could disagree with the shelf.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from pipelines.record.record import read_records
from pipelines.shelf.in_duckdb import address, connected, notes_of, prepare, readable, shard_of, tables
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.people import people_ids
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from schemas.publish import publish
from schemas.tables import PLACES

DATABASE = "shelf.duckdb"

_NUMBERS = ("BOOLEAN", "UINTEGER", "UBIGINT", "DOUBLE", "BIGINT")
_HEX = "replace(CAST({0} AS VARCHAR), '-', '')"


@contextmanager
def connect(shelf: Shelf, query: str = "") -> Iterator[Any]:
    """Yield a DuckDB connection in memory with the shelf's views: those that a query names, or all of them.

    To make a view is to list its files and to open one: of many shards that takes longer than many a query.
    """
    shelf.need_shards()
    with connected(shelf) as db:
        for statement in statements(db, shelf, query):
            db.execute(statement)
        yield db


def write_database(shelf: Shelf) -> str:
    """Write a DuckDB file with the views beside the tables and return its path, or its URL; it holds this shelf's
    address."""
    import duckdb

    shelf.need_shards()
    path = shelf.path(DATABASE)
    with tempfile.TemporaryDirectory() as folder:
        with duckdb.connect(f"{folder}/{DATABASE}") as db, readable():
            prepare(db, shelf, folder)
            for statement in statements(db, shelf):
                db.execute(statement)
        with open(f"{folder}/{DATABASE}", "rb") as made:
            publish(shelf.fs, path, lambda file: shutil.copyfileobj(made, file))
    return shelf.media_url(DATABASE)


def statements(db: Any, shelf: Shelf, query: str = "") -> list[str]:
    """Return the statements that make the views that a query names, or all of them where it names none."""
    ids = annotator_ids(shelf)
    by_name = {one.split("@")[0]: one for one in ids if one != SOURCE_NOTES}
    makers: dict[str, Callable[[], str]] = {
        "samples": lambda: _samples(shelf),
        "notes": lambda: _notes(db, shelf, ids),
        "spans": lambda: _spans(db, shelf, ids),
        "verdicts": lambda: _verdicts(shelf),
        "runs": lambda: _runs(shelf),
        "exports": _exports,
        **{f"notes_{name}": partial(_notes_of, shelf, name, one) for name, one in sorted(by_name.items())},
    }
    named = set(re.findall(r"\w+", query.lower())) & {name.lower() for name in makers}
    if "exports" in named:
        named.add("runs")
    return [make() for name, make in makers.items() if not named or name.lower() in named]


def annotator_ids(shelf: Shelf) -> list[str]:
    """Return the annotators that recipes here read, in the order of their latest runs, the source, and people."""
    there = set(shelf.folders("notes"))
    named = [name for recipe in recipes_by_run(shelf) for name in recipe_names(shelf, recipe)]
    found = list(dict.fromkeys(name for name in named if name in there))
    return found + [SOURCE_NOTES] * (SOURCE_NOTES in there) + people_ids(shelf)


def recipe_names(shelf: Shelf, recipe_id: str) -> list[str]:
    """Return the names of a recipe's steps, annotators as name@fingerprint."""
    stored = msgspec.json.decode(shelf.fs.cat_file(shelf.path("recipes", f"{recipe_id}.json")))
    return list(stored["names"])


def recipe_cases(shelf: Shelf, recipe_id: str) -> dict[str, str]:
    """Return the note that says which case a sample was, by the annotators that write one."""
    stored = msgspec.json.decode(shelf.fs.cat_file(shelf.path("recipes", f"{recipe_id}.json")))
    return dict(stored.get("cases", {}))


def recipes_by_run(shelf: Shelf) -> list[str]:
    """Return the recipes that were run on this shelf, the latest run last."""
    there = set(shelf.names("recipes", ".json"))
    ran: dict[str, None] = {}
    for record in read_records(shelf):
        recipe = record.config.get("recipe", "") if record.verb == "run" else ""
        if recipe in there:
            ran.pop(recipe, None)
            ran[recipe] = None
    return [*sorted(there - set(ran)), *ran]


def _samples(shelf: Shelf) -> str:
    return f"""
        CREATE VIEW samples AS SELECT {shard_of("filename")} AS shard, row, {_HEX.format("key")} AS key,
            {_HEX.format("digest")} AS digest, dataset, name, uri, licence, parent, failed, images, videos, texts,
            size_bytes, json_extract_string(parts, '$[*].text') AS captions, text_chars, parts, meta, media, offsets
        FROM {tables(shelf, "catalog")}"""


def _notes(db: Any, shelf: Shelf, ids: list[str]) -> str:
    selects = [
        _unpivoted(found, one, name, kind)
        for one in ids
        for found in (notes_of(shelf, one),)
        for name, kind, *_ in db.execute(f"DESCRIBE FROM {found}").fetchall()
        if name not in ("row", "failed", "filename")
    ]
    empty = "SELECT '' AS shard, 0 AS row, '' AS annotator, '' AS name, 0.0 AS number, '' AS text WHERE false"
    return "CREATE VIEW notes AS " + " UNION ALL ".join(selects or [empty])


def _spans(db: Any, shelf: Shelf, ids: list[str]) -> str:
    """Return the view of notes on spans of time, a row each; `number` where the value is one."""
    selects = [
        f"""
        SELECT {shard_of("filename", piece=True)} AS shard, row, {quoted(one)} AS annotator, note ->> 'name' AS name,
            TRY_CAST(note ->> 'value' AS DOUBLE) AS number, note ->> 'value' AS text,
            CAST(note ->> '$.at.start_pts' AS BIGINT) AS start_pts, CAST(note ->> '$.at.end_pts' AS BIGINT) AS end_pts,
            start_pts * seconds AS start_s, end_pts * seconds AS end_s
        FROM (SELECT *, CAST(note ->> '$.at.time_base[0]' AS DOUBLE) / CAST(note ->> '$.at.time_base[1]' AS DOUBLE)
                AS seconds
              FROM (SELECT filename, row, unnest(CAST({PLACES} AS JSON[])) AS note FROM {found} WHERE {PLACES} != ''))
        WHERE note ->> '$.at.start_pts' IS NOT NULL"""
        for one in ids
        for found in (notes_of(shelf, one),)
        if PLACES in {name for name, *_ in db.execute(f"DESCRIBE FROM {found}").fetchall()}
    ]
    empty = """SELECT '' AS shard, 0 AS row, '' AS annotator, '' AS name, 0.0 AS number, '' AS text, 0 AS start_pts,
        0 AS end_pts, 0.0 AS start_s, 0.0 AS end_s WHERE false"""
    return "CREATE VIEW spans AS " + " UNION ALL ".join(selects or [empty])


def _notes_of(shelf: Shelf, name: str, annotator_id: str) -> str:
    return (
        f"CREATE VIEW notes_{name} AS SELECT {shard_of('filename', piece=True)} AS shard, * EXCLUDE (filename) "
        f"FROM {notes_of(shelf, annotator_id)} WHERE failed = ''"
    )


def _unpivoted(found: str, annotator_id: str, name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    number = f"CAST({column} AS DOUBLE)" if kind in _NUMBERS else "CAST(NULL AS DOUBLE)"
    return f"""
        SELECT {shard_of("filename", piece=True)} AS shard, row, {quoted(annotator_id)} AS annotator,
            {quoted(name)} AS name, {number} AS number, CAST({column} AS VARCHAR) AS text
        FROM {found} WHERE failed = ''"""


def _verdicts(shelf: Shelf) -> str:
    if not any(shelf.names(f"verdicts/{recipe}", ".parquet") for recipe in shelf.folders("verdicts")):
        return """CREATE VIEW verdicts AS SELECT '' AS recipe, '' AS shard, 0 AS row, '' AS key, '' AS outcome,
            0 AS step, '' AS decided_by, '' AS reason, 0.0 AS measured, '' AS witness, [0] AS left_out,
            [''] AS left_out_why WHERE false"""
    return f"""
        CREATE VIEW verdicts AS
        SELECT v.recipe, v.shard, v.row, s.key, outcome, step, decided_by, reason, measured,
            {_HEX.format("witness")} AS witness, left_out, left_out_why
        FROM (SELECT *, {shard_of("filename")} AS shard, regexp_extract(filename, '([^/]+)/[^/]+$', 1) AS recipe
              FROM {tables(shelf, "verdicts", "*")}) v
        JOIN (SELECT {shard_of("filename")} AS shard, row, {_HEX.format("key")} AS key
              FROM {tables(shelf, "catalog")}) s USING (shard, row)"""


def _runs(shelf: Shelf) -> str:
    return f"""
        CREATE VIEW runs AS SELECT id, verb, status, began, seconds, peak_rss_mib, error,
            CAST(config AS JSON) AS config, CAST(counts AS JSON) AS counts
        FROM read_json({address(shelf, "runs", "*", "record.json")}, columns = {{id: 'VARCHAR', verb: 'VARCHAR',
            status: 'VARCHAR', began: 'TIMESTAMP', seconds: 'DOUBLE', peak_rss_mib: 'DOUBLE', error: 'VARCHAR',
            config: 'JSON', counts: 'JSON'}}) ORDER BY id"""


def _exports() -> str:
    return """
        CREATE VIEW exports AS SELECT id, began, config ->> '$.name' AS name, config ->> '$.to' AS folder,
            config ->> '$.recipe' AS recipe, CAST(counts ->> '$.samples' AS BIGINT) AS samples,
            CAST(counts ->> '$.shards' AS BIGINT) AS shards
        FROM runs WHERE verb = 'export' AND status = 'done'"""
