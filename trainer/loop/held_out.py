"""Losses on held-out data, by kind: every sample once, in rows as full as those that are trained on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from trainer.data.choose import Chosen
from trainer.data.stream import Loading, Stream, StreamRow
from trainer.documents.codec import Codec
from trainer.documents.encoding import encoding_of
from trainer.loop.batches import batches
from trainer.loop.counted import Counted
from trainer.loop.loop import Loop
from trainer.loop.parallel import Ranks
from trainer.model.pack import PackedBatch
from trainer.plan.plan import Order, Plan

HELD_OUT = "held_out.jsonl"


class HeldOutTold(Struct, frozen=True):
    """The mean loss over all held-out targets, and over those of each kind, before a step."""

    step: int
    loss: float
    loss_by_kind: dict[str, float]
    targets_by_kind: dict[str, int]


class HeldOut:
    """What is held out, and how to look at it on this rank."""

    def __init__(self, chosen: Sequence[Chosen], codec: Codec, length: int, among: Ranks, loading: Loading) -> None:
        self._chosen, self._codec, self._length, self._ranks, self._loading = chosen, codec, length, among, loading
        pools = [one.pool for one in chosen]
        self._order = Order(0, length, among.count, sum(map(len, pools)))
        self._sequences = len(Plan(pools, self._order).window(0))

    def look(self, loop: Loop, step: int) -> HeldOutTold:
        """Return the losses as the model stands."""
        counted = Counted()
        for row in self._rows():
            counted.add(row, loop.look(row), 0.0)
        whole = counted.over(self._ranks)
        loss = whole.loss / max(1, whole.targets)
        return HeldOutTold(step, loss, whole.loss_by_kind, whole.targets_by_kind)

    def _rows(self) -> Iterator[PackedBatch]:
        steps = -(-self._sequences // self._order.batch)
        stream = Stream(self._chosen, encoding_of(self._codec), self._order, self._loading, steps=steps)
        first_window = (_once(row) for row in stream)
        for step in batches(first_window, self._codec.tokens, self._length):
            yield from step.rows


def _once(row: StreamRow) -> StreamRow:
    """Leave a row of the next window empty: it holds samples that were there."""
    return row if row.window <= 0 else row._replace(documents=(), replaced=())


def write_held_out(folder: str, told: HeldOutTold) -> None:
    """Add a line to the run's file."""
    with open(os.path.join(folder, HELD_OUT), "ab") as file:
        file.write(msgspec.json.encode(told) + b"\n")


def read_held_out(folder: str) -> list[HeldOutTold]:
    """Return what was looked at, in order."""
    try:
        with open(os.path.join(folder, HELD_OUT), "rb") as file:
            return [msgspec.json.decode(line, type=HeldOutTold) for line in file]
    except FileNotFoundError:
        return []
