"""Tables: the same rows are the same bytes, and DuckDB reads what was meant."""

from __future__ import annotations

import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.shelf.table import (
    ROW_GROUP,
    arrow_type,
    put_if_changed,
    put_table,
    read_table,
    table_of,
    uuid_bytes,
    uuid_hexes,
)
from schemas.errors import Unavailable
from schemas.tables import CATALOG, DECISION, PLAN, SIDECAR, VERDICT, Column
from schemas.vocabulary.all import NAMES

LOCAL = fsspec.filesystem("file")
EVERY: dict[str, list[Any]] = {
    "bool": [True, False, None],
    "uint8": [0, 255, None],
    "uint16": [0, 2**16 - 1, None],
    "uint32": [0, 2**32 - 1, None],
    "uint64": [0, 2**64 - 1, None],
    "int64": [-(2**63), 2**63 - 1, None],
    "float32": [-0.0, 0.5, None],
    "float64": [-0.0, 1e308, None],
    "string": ["", "é\n\0漢", None],
    "dictionary": ["a", "a", None],
    "uuid": [b"\0" * 16, b"\xff" * 16, None],
    "list<uint16>": [[], [1, 2**16 - 1], None],
    "list<uint32>": [[], [0, 2**32 - 1], None],
    "list<uint64>": [[], [0, 2**64 - 1], None],
    "list<int64>": [[], [-(2**63), 2**63 - 1], None],
    "list<float32>": [[], [0.5, float("inf")], None],
    "list<float64>": [[], [0.5, float("inf")], None],
    "list<string>": [[], ["", "é\0"], None],
}
COLUMNS = tuple(Column(kind, kind) for kind in EVERY)


def test_duckdb_reads_every_kind_of_column_with_equal_values(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    assert put_table(LOCAL, path, COLUMNS, EVERY)
    found = duckdb.sql(f"from read_parquet('{path}')").fetchall()
    expected = dict(EVERY, uuid=[uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), None])
    for column, values in zip(COLUMNS, zip(*found, strict=True), strict=True):
        assert list(values) == expected[column.name], column.name
    [(key,)] = duckdb.sql(f"select uuid from '{path}' where uuid = '{'f' * 8}-ffff-ffff-ffff-{'f' * 12}'").fetchall()
    assert key == uuid.UUID(int=2**128 - 1)


def test_a_table_comes_back_as_it_went(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    put_table(LOCAL, path, COLUMNS, EVERY)
    back = read_table(LOCAL, path)
    for name, values in EVERY.items():
        column = back[name].combine_chunks()
        column = column.storage if isinstance(column, pa.ExtensionArray) else column
        assert column.to_pylist() == values, name
    assert read_table(LOCAL, path, ["uint8", "bool"]).column_names == ["uint8", "bool"]


def test_every_column_of_every_table_and_note_is_of_a_kind_that_is_tried_here() -> None:
    declared = {column.kind for table in (PLAN, CATALOG, DECISION, VERDICT, SIDECAR) for column in table}
    assert declared | {name.kind for name in NAMES.values()} <= set(EVERY)


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=5))
def test_a_key_survives_its_column(keys: list[bytes]) -> None:
    hexes = [key.hex() for key in keys]
    table = table_of([Column("key", "uuid")], {"key": [uuid_bytes(key) for key in hexes]})
    assert uuid_hexes(table["key"]) == hexes
    assert uuid_bytes("ab" * 32) == b"\xab" * 16


def as_chunks(values: list[Any], kind: str, cuts: list[int]) -> pa.ChunkedArray:
    edges = [0, *sorted(cut % (len(values) + 1) for cut in cuts), len(values)]
    return pa.chunked_array([pa.array(values[a:b], arrow_type(kind)) for a, b in pairwise(edges)], arrow_type(kind))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 300), st.lists(st.integers(0, 300), max_size=5), st.booleans())
def test_the_bytes_do_not_depend_on_how_the_input_is_chunked(
    tmp_path: Path, count: int, cuts: list[int], twice: bool
) -> None:
    columns = [Column("row", "uint32"), Column("licence", "dictionary"), Column("offsets", "list<int64>")]
    values = {
        "row": list(range(count)),
        "licence": [("a", "b", None)[n % 3] for n in range(count)],
        "offsets": [list(range(n % 4)) for n in range(count)],
    }
    chunked = {column.name: as_chunks(values[column.name], column.kind, cuts) for column in columns}
    if twice:
        chunked["licence"] = chunked["licence"].dictionary_encode()
    put_table(LOCAL, str(tmp_path / "plain"), columns, values)
    put_table(LOCAL, str(tmp_path / "chunked"), columns, chunked)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "chunked").read_bytes()


def test_keys_in_chunks_are_the_same_bytes(tmp_path: Path) -> None:
    columns = [Column("key", "uuid")]
    keys = [bytes([n]) * 16 for n in range(40)]
    put_table(LOCAL, str(tmp_path / "plain"), columns, {"key": keys})
    back = read_table(LOCAL, str(tmp_path / "plain"))["key"]
    pieces = pa.chunked_array([back.combine_chunks().slice(0, 7), back.combine_chunks().slice(7)])
    put_table(LOCAL, str(tmp_path / "chunked"), columns, {"key": pieces})
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "chunked").read_bytes()


def test_a_long_table_is_cut_into_row_groups_of_one_size(tmp_path: Path) -> None:
    count = 2 * ROW_GROUP + 5
    columns = [Column("row", "uint32")]
    values = pa.chunked_array([pa.array(range(a, min(a + 999, count)), pa.uint32()) for a in range(0, count, 999)])
    put_table(LOCAL, str(tmp_path / "a"), columns, {"row": values})
    put_table(LOCAL, str(tmp_path / "b"), columns, {"row": list(range(count))})
    groups = pq.ParquetFile(tmp_path / "a").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [ROW_GROUP, ROW_GROUP, 5]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_unchanged_table_is_not_written_again(tmp_path: Path) -> None:
    path, columns = str(tmp_path / "a"), [Column("row", "uint32")]
    assert put_if_changed(LOCAL, path, columns, {"row": [1, 2]})
    node = (tmp_path / "a").stat().st_ino
    assert not put_if_changed(LOCAL, path, columns, {"row": [1, 2]})
    assert (tmp_path / "a").stat().st_ino == node
    assert put_if_changed(LOCAL, path, columns, {"row": [1, 3]})
    assert read_table(LOCAL, path)["row"].to_pylist() == [1, 3]


def test_a_taken_name_is_refused_where_it_is_exclusive(tmp_path: Path) -> None:
    path, columns = str(tmp_path / "a"), [Column("row", "uint32")]
    assert put_table(LOCAL, path, columns, {"row": [1]}, exclusive=True)
    assert not put_table(LOCAL, path, columns, {"row": [2]}, exclusive=True)
    assert read_table(LOCAL, path)["row"].to_pylist() == [1]


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"", lambda data: None])
def test_a_table_that_cannot_be_read_names_its_path(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "a.parquet"
    put_table(LOCAL, str(path), [Column("row", "uint32")], {"row": [1]})
    damaged = damage(path.read_bytes())
    path.unlink()
    if damaged is not None:
        path.write_bytes(damaged)
    with pytest.raises(Unavailable, match=r"a\.parquet"):
        read_table(LOCAL, str(path))
