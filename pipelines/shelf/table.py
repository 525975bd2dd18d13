"""Tables: the one place where columns become parquet bytes, and come back.

Every table leaves through `put_table`: one schema, one row group size, one call, so that the same rows are the same
bytes under one set of pins.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import Unavailable
from schemas.publish import publish
from schemas.tables import Column

ROW_GROUP = 16_384
CAST_ROWS = 1 << 22
"""Rows that are cast at once: the texts of one array of Arrow end at 2 GiB, and nobody says so."""

KINDS: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "dictionary": pa.string(),
    "uuid": pa.uuid(),
}


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a column's kind."""
    if kind.startswith("list<"):
        return pa.list_(arrow_type(kind[5:-1]))
    return KINDS[kind]


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema of a table's columns."""
    return pa.schema([(column.name, arrow_type(column.kind)) for column in columns])


def table_of(columns: Sequence[Column], values: Mapping[str, Any]) -> pa.Table:
    """Build a table from a sequence of values, or an Arrow array, per column."""
    arrays = [_array(values[column.name], arrow_type(column.kind)) for column in columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(columns))


def _array(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        if values.type == kind:
            return values
        return pa.chunked_array(
            [values.slice(at, CAST_ROWS).cast(kind) for at in range(0, len(values), CAST_ROWS)], kind
        )
    if isinstance(kind, pa.UuidType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, pa.binary(16)))
    return pa.array(values, kind)


def parquet_bytes(
    table: pa.Table, columns: Sequence[Column], file: IO[bytes], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a table's bytes: zstd, dictionaries for what repeats, statistics on; and what is said about the table."""
    with pq.ParquetWriter(
        file,
        table.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=[column.name for column in columns if column.kind == "dictionary"],
        write_statistics=[column.name for column in columns if not column.kind.startswith("list<")],
        version="2.6",
        data_page_version="1.0",
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=ROW_GROUP)
        if metadata:
            writer.add_key_value_metadata(dict(metadata))


def put_table(
    fs: Any,
    path: str,
    columns: Sequence[Column],
    values: Mapping[str, Any],
    *,
    exclusive: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> bool:
    """Publish columns as parquet; return False where `exclusive` and the file is there."""
    table = table_of(columns, values)
    return publish(fs, path, lambda file: parquet_bytes(table, columns, file, metadata), exclusive=exclusive)


def put_if_changed(fs: Any, path: str, columns: Sequence[Column], values: Mapping[str, Any]) -> bool:
    """Publish columns unless the file holds these very bytes; return whether it was written."""
    memory = io.BytesIO()
    parquet_bytes(table_of(columns, values), columns, memory)
    data = memory.getvalue()
    if _holds(fs, path, data):
        return False
    return publish(fs, path, lambda file: file.write(data))


def _holds(fs: Any, path: str, data: bytes) -> bool:
    """Say whether a file holds these very bytes; on a disk its length is looked at first, elsewhere that costs as much
    as to read it."""
    try:
        same_length = not getattr(fs, "local_file", False) or fs.size(path) == len(data)
        return same_length and bool(fs.cat_file(path) == data)
    except FileNotFoundError:
        return False


def read_table(fs: Any, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a parquet file, or some of its columns.

    Raises Unavailable where it cannot be read: a table is ours, so that is never a sample's fault.
    """
    with open_table(fs, path) as parquet:
        return parquet.read(columns=None if columns is None else list(columns), use_threads=False)


@contextmanager
def open_table(fs: Any, path: str) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; raises Unavailable where it cannot be read, inside the block too."""
    with table_if_there(fs, path) as table:
        if table is None:
            raise Unavailable("the table is not there", where=path)
        yield table


@contextmanager
def table_if_there(fs: Any, path: str) -> Iterator[pq.ParquetFile | None]:
    """Open a parquet file, or yield None where it is not there: to ask beforehand would cost a request, and might be
    out of date."""
    try:
        with ExitStack() as stack:
            yield _opened(fs, path, stack)
    except (pa.ArrowException, OSError) as error:
        raise Unavailable(f"the table cannot be read ({error})", where=path) from error


def _opened(fs: Any, path: str, stack: ExitStack) -> pq.ParquetFile | None:
    try:
        file = pa.OSFile(path) if getattr(fs, "local_file", False) else fs.open(path, "rb")
        return pq.ParquetFile(stack.enter_context(file))
    except FileNotFoundError:
        return None


def uuid_bytes(hexadecimal: str) -> bytes:
    """Return the 16 bytes of a key, or of the first half of a digest."""
    return bytes.fromhex(hexadecimal[:32])


def uuid_hexes(array: pa.Array | pa.ChunkedArray) -> list[str]:
    """Return a uuid column as 32 hex digits a row."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    return ["" if value is None else cast(bytes, value).hex() for value in storage.to_pylist()]
