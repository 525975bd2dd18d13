"""The table of lengths: a row a sample, in the export's order, as numpy keeps it; and why some are left out.

A row is 54 bytes: where the sample lies, what it is, and what it counts. One of a sample that can be no document has
the kind NONE and zeros, and a line in the shard's `left_out.jsonl` says why.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct, json
from numpy.typing import NDArray

from schemas.errors import BadInput
from schemas.kind import KINDS
from schemas.publish import put

if TYPE_CHECKING:
    from trainer.documents.length import Length

NONE = 255

ROW = np.dtype(
    [
        ("key", "u1", (16,)),
        ("start", "<i8"),
        ("end", "<i8"),
        ("kind", "u1"),
        ("tokens", "<u4"),
        ("targets", "<u4"),
        ("patches", "<u4"),
        ("patches_squared", "<u8"),
    ]
)

Rows = NDArray[Any]


class LeftOut(Struct, frozen=True):
    """A sample that is not trained on: its key, the reason in snake_case, and what was seen."""

    key: str
    reason: str
    detail: str = ""


def fill(row: Any, length: Length) -> None:
    """Write what a sample counts into its row; raises ValueError for a kind that is none."""
    row["kind"] = KINDS.index(length.kind)
    row["tokens"], row["targets"] = length.tokens, length.targets
    row["patches"], row["patches_squared"] = length.patches, length.patches_squared


def put_rows(fs: Any, path: str, rows: Rows, left_out: list[LeftOut]) -> None:
    """Publish the rows of a shard at `path`.npy, and before them what is left out of it, where anything is."""
    if left_out:
        put(fs, f"{path}.left_out.jsonl", json.Encoder().encode_lines(left_out))
    file = io.BytesIO()
    np.save(file, rows, allow_pickle=False)
    put(fs, f"{path}.npy", file.getvalue())


def rows_of(data: bytes, where: str, samples: int) -> Rows:
    """Read the rows of a shard from their file's bytes; raises BadInput where they are not those of so many samples."""
    try:
        rows: Rows = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _spoilt(where, f"cannot be read ({error})") from None
    if rows.dtype != ROW or len(rows) != samples:
        raise _spoilt(where, f"holds {len(rows)} rows, the shard {samples} samples")
    return rows


def left_out_of(data: bytes) -> list[LeftOut]:
    """Read what is left out of a shard from its file's bytes."""
    return json.decode(b"[" + b",".join(data.splitlines()) + b"]", type=list[LeftOut])


def _spoilt(where: str, what: str) -> BadInput:
    return BadInput(f"the table of lengths {what}", where=where, remedy="remove it: it is counted again")
