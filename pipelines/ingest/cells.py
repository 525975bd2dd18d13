"""Reading pictures out of parquet, a cell at a time: reading on is cheap, going back is not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingest.row import Cell
from pipelines.ingest.source import open_url
from schemas.errors import BadSample, Unavailable

BATCH_ROWS = 16


class CellReader:
    """Reads cells, of which those of one column come mostly in the order of their rows."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], _Column] = {}

    def __call__(self, cell: Cell) -> list[bytes]:
        """Return the bytes of each picture of a cell.

        Raises BadSample where there are none, Unavailable where the file cannot be read.
        """
        if cell.url not in {url for url, _ in self._open}:
            self.close()
        column = self._open.get((cell.url, cell.column))
        try:
            if column is None or column.at > cell.row:
                if column:
                    column.close()
                column = self._open[cell.url, cell.column] = _Column(cell)
            return _contents(cell, column.read(cell.row))
        except (OSError, pa.ArrowException) as error:
            raise Unavailable(f"cannot be read ({error})", where=cell.url) from error

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem()[1].close()


class _Column:
    """A column from some row on; `at` is the row that comes next."""

    def __init__(self, cell: Cell) -> None:
        fs, path = open_url(cell.url)
        self._file: Any = fs.open(path, "rb")
        parquet = pq.ParquetFile(self._file)
        groups, self.at = _from_row(parquet.metadata, cell.row)
        self._values = _values(parquet, groups, cell.column)

    def read(self, row: int) -> Any:
        value = next(islice(self._values, row - self.at, None))
        self.at = row + 1
        return value

    def close(self) -> None:
        self._file.close()


def _from_row(metadata: Any, row: int) -> tuple[list[int], int]:
    """Return the row groups from the one on that holds a row, and that one's first row."""
    first = 0
    for group in range(metadata.num_row_groups):
        count = metadata.row_group(group).num_rows
        if row < first + count:
            return list(range(group, metadata.num_row_groups)), first
        first += count
    raise pa.ArrowInvalid(f"it has {first} rows, and none of number {row}")


def _values(parquet: pq.ParquetFile, groups: list[int], column: str) -> Iterator[Any]:
    for batch in parquet.iter_batches(batch_size=BATCH_ROWS, row_groups=groups, columns=[column]):
        yield from batch.column(0)


def _contents(cell: Cell, value: Any) -> list[bytes]:
    """Return what a cell's scalar holds; a path is shown as it is, since nothing says that it is UTF-8."""
    listed = pa.types.is_list(value.type) or pa.types.is_large_list(value.type)
    pictures = list(value.values or ()) if listed else [value]
    if cell.has_gaps:
        pictures = [one for one in pictures if one.is_valid]
    if not pictures:
        raise BadSample("no_image_bytes", f"{cell.column} holds no picture")
    for one in pictures:
        if not one.is_valid:
            raise BadSample("no_image_bytes", f"{cell.column} is null")
        if not one["bytes"].is_valid:
            path = one["path"].as_buffer().to_pybytes() if one["path"].is_valid else b""
            raise BadSample("no_image_bytes", f"{cell.column} has a path alone, {path!r}")
    return [bytes(one["bytes"].as_py()) for one in pictures]
