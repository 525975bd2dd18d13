"""The plan: which samples form which sequence at which step, a pure function of a few numbers and the pools.

Step n trains sequences n B up to (n + 1) B of a stream without end: window after window, each packed on its own. So a
position (step, window, place in the window) says all that a run has to know to go on: no earlier window is looked at,
and how many processes load or train does not come into it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.errors import BadInput
from trainer.plan.pool import Pool
from trainer.plan.prefix import Prefix
from trainer.plan.window import WINDOW_SAMPLES, Window, packed, sequences_in

FORMAT = 1
_WINDOWS_HELD = 4


class Order(Struct, frozen=True):
    """What a plan is made from beside its pools: the seed, a sequence's tokens, the sequences of a step, and the
    samples of a window."""

    seed: int
    sequence_tokens: int
    batch: int
    window_samples: int = WINDOW_SAMPLES


class Position(Struct, frozen=True):
    """Where a step begins: at a sequence of a window."""

    step: int
    window: int
    offset: int


class Row(NamedTuple):
    """A sequence of the plan: where it stands, and the pool and place of each of its samples."""

    window: int
    offset: int
    pool_N: NDArray[np.int64]
    place_N: NDArray[np.int64]


class Plan:
    """The plan of pools under an order; raises BadInput where no sequence could ever be filled from them."""

    def __init__(self, pools: Sequence[Pool], order: Order) -> None:
        _check(pools, order)
        self.pools, self.order = tuple(pools), order
        self.digest = _digest(self.pools, order)
        self.prefix = Prefix(self._count, self.digest)
        self._windows = OrderedDict[int, Window]()

    def window(self, number: int) -> Window:
        """Return a window; the last few are held."""
        if number not in self._windows:
            if len(self._windows) >= _WINDOWS_HELD:
                self._windows.popitem(last=False)
            order = self.order
            self._windows[number] = packed(self.pools, order.seed, number, order.sequence_tokens, order.window_samples)
        self._windows.move_to_end(number)
        return self._windows[number]

    def at(self, step: int) -> Position:
        """Return where a step begins; the first time it costs some 3 ms for every window before it."""
        return Position(step, *self.prefix.find(step * self.order.batch))

    def rows(self, position: Position) -> list[Row]:
        """Return the sequences of the step that begins at a position."""
        return [row for row, _ in zip(self._from(position), range(self.order.batch), strict=False)]

    def after(self, position: Position) -> Position:
        """Return where the next step begins."""
        window, offset = position.window, position.offset + self.order.batch
        while offset >= len(self.window(window)):
            offset -= len(self.window(window))
            window += 1
        return Position(position.step + 1, window, offset)

    def _from(self, position: Position) -> Iterator[Row]:
        number, offset = position.window, position.offset
        while True:
            window = self.window(number)
            for at in range(offset, len(window)):
                span = slice(window.first_S1[at], window.first_S1[at + 1])
                yield Row(number, at, window.pool_N[span], window.place_N[span])
            number, offset = number + 1, 0

    def _count(self, window: int) -> int:
        order = self.order
        return sequences_in(self.pools, order.seed, window, order.sequence_tokens, order.window_samples)


def _digest(pools: Sequence[Pool], order: Order) -> str:
    """Return the digest of all that decides what is trained when."""
    told = [FORMAT, msgspec.structs.asdict(order), [[pool.digest, pool.weight] for pool in pools]]
    return sha256(msgspec.json.encode(told)).hexdigest()


def _check(pools: Sequence[Pool], order: Order) -> None:
    if order.batch < 1 or order.sequence_tokens < 1 or order.window_samples < 1:
        raise BadInput("a step trains at least one sequence of one token, a window holds at least one sample")
    if not pools:
        raise BadInput("there is nothing to train on", remedy="give at least one --data")
    for pool in pools:
        if not len(pool):
            raise BadInput(
                "none of its samples can be trained on",
                where=pool.name,
                remedy="leave it out; `ostraka plan` says why each is left out",
            )
        if pool.weight < 1:
            raise BadInput(f"a weight of {pool.weight}", where=pool.name, remedy="give whole numbers from 1 on")
