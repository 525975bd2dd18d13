"""Columns between Arrow, in which tables hold them, and numpy, in which filters judge them: one mapping of types.

Whole columns move, without a Python object a row; what a filter is handed may share memory with the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from filters.columns import Lists


def to_numpy(array: pa.Array | pa.ChunkedArray) -> NDArray[Any] | Lists:
    """Return an Arrow column without nulls as what filters judge: uuids as 16 bytes, texts as objects."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ListArray | pa.LargeListArray):
        offsets = array.offsets.to_numpy().astype(np.int64) if len(array) else np.zeros(1, np.int64)
        values = to_numpy(array.values)
        assert not isinstance(values, Lists)
        return Lists(offsets - offsets[0], values[offsets[0] : offsets[-1]])
    if isinstance(array, pa.ExtensionArray | pa.FixedSizeBinaryArray):
        return uuids(array)
    found: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return found


def flat(array: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return an Arrow column of one value a row as numpy."""
    found = to_numpy(array)
    assert not isinstance(found, Lists)
    return found


def uuids(array: pa.Array) -> NDArray[Any]:
    """Return a column of 16 bytes a row; those that are null are zero."""
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    if not len(storage):
        return np.zeros(0, "S16")
    return np.frombuffer(storage.buffers()[1], "S16")[storage.offset : storage.offset + len(storage)]


def to_arrow(column: NDArray[Any] | Lists) -> pa.Array:
    """Return a filter's column as Arrow."""
    if isinstance(column, Lists):
        return pa.LargeListArray.from_arrays(pa.array(column.offsets - column.offsets[0]), to_arrow(column.within()))
    if column.dtype.kind == "S":
        return fixed_16(column)
    return pa.array(column, pa.string() if column.dtype == object else None)


def fixed_16(values: NDArray[Any], stands: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return 16 bytes a row as Arrow, null where `stands` is false."""
    count = len(values)
    valid = None if stands is None else pa.py_buffer(np.packbits(stands, bitorder="little"))
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), count, [valid, pa.py_buffer(np.ascontiguousarray(values))]
    )
