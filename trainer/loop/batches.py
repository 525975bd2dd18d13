"""Batches: the rows of a stream, packed into tensors as they are trained, step by step.

`batches` is for people with a training loop of their own as well: what it yields is what ours trains on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from trainer.data.stream import StreamRow
from trainer.documents.special import SpecialIds
from trainer.documents.tokens import Tokens
from trainer.model.pack import PackedBatch, pack


class Step(NamedTuple):
    """What a rank is given for one step: its rows, as many as every other rank's, made as they are taken."""

    number: int
    rows: Iterable[PackedBatch]


def batches(
    stream: Iterable[StreamRow],
    tokens: Tokens,
    length: int,
    seen: Callable[[StreamRow], None] | None = None,
) -> Iterator[Step]:
    """Yield the steps of a stream; take all rows of one before the next. `seen` is told each row that is packed."""
    ids, rows = tokens.ids(), iter(stream)
    for first in rows:
        yield Step(first.step, (_packed(row, ids, length, seen) for row in _to_end(first, rows)))


def _to_end(row: StreamRow, rows: Iterator[StreamRow]) -> Iterator[StreamRow]:
    yield row
    while not row.is_last:
        row = next(rows)
        yield row


def _packed(row: StreamRow, ids: SpecialIds, length: int, seen: Callable[[StreamRow], None] | None) -> PackedBatch:
    if seen:
        seen(row)
    return pack(row.documents, length, image_id=ids.image, padding_id=ids.end)
