"""Columns in Arrow, made whole: fixed bytes, hex, strings glued, lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_HEX = np.frombuffer("".join(f"{value:02x}" for value in range(256)).encode(), "S2")


def uuids(bytes_N16: NDArray[np.uint8]) -> pa.Array:
    """Return 16 bytes a row as a uuid column."""
    buffer = pa.py_buffer(np.ascontiguousarray(bytes_N16))
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(bytes_N16), [None, buffer])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def hexes(bytes_NB: NDArray[np.uint8]) -> pa.Array:
    """Return bytes as hex digits, a string a row."""
    rows, width = bytes_NB.shape
    offsets = np.arange(0, (rows + 1) * width * 2, width * 2, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(_HEX[bytes_NB]))


def glued(*pieces: Any) -> pa.Array:
    """Return the pieces of each row as one string; a piece is a column, of strings or numbers, or the same for all."""
    columns = [piece if isinstance(piece, str) else _strings(piece) for piece in pieces]
    return pc.binary_join_element_wise(*columns, "")


def _strings(piece: Any) -> pa.Array:
    array = piece if isinstance(piece, pa.Array | pa.ChunkedArray) else pa.array(piece)
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def lists(lengths: NDArray[np.int64], values: Any) -> pa.Array:
    """Return a list a row: the next `lengths` values each."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), values if isinstance(values, pa.Array) else pa.array(values))
