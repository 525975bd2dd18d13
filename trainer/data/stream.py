"""The stream: the plan's rows as documents, in the plan's order, made by workers ahead of who trains on them.

What comes is the same for any number of ranks and workers: a rank takes its share of each micro-step, in the order in
which a step's rows are dealt, and rows wait for their turn however early a worker has them. How far ahead it works is
bounded in bytes, known beforehand from the lengths; a worker holds one row more while it makes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from schemas.errors import BadInput, TooManyFailed
from trainer.data.choose import Chosen
from trainer.data.read_documents import Made, ReadDocuments, Spoilt, Wanted
from trainer.data.stand_in import stand_ins
from trainer.data.stream_state import StreamState, check_state, state_of
from trainer.documents.document import Document
from trainer.documents.encoding import Encoding
from trainer.documents.grid import PATCH_VALUES
from trainer.plan.cost import Cost
from trainer.plan.deal import EMPTY, dealt
from trainer.plan.plan import Order, Plan, Position, Row
from trainer.workers.workers import Workers

TOKEN_BYTES = 5
PATCH_BYTES = PATCH_VALUES + 6
"""A patch's values, and its share of a grid: a picture has four patches at least."""

MIB = 1 << 20
MOST_FAILED = 0.05
FEW_FAILED = 10


class Loading(Struct, frozen=True):
    """How rows are loaded, which changes nothing of what is trained: this rank of how many, worker processes, the MiB
    of documents that are made ahead, and how long a row may take."""

    rank: int = 0
    ranks: int = 1
    workers: int = 0
    ahead_mib: int = 1024
    limit_s: float = 600.0


class Replaced(Struct, frozen=True):
    """A sample that did not decode: why, and the key of what stands in for it, empty where nothing does."""

    key: str
    reason: str
    detail: str
    by: str


class StreamRow(NamedTuple):
    """A row of a rank's micro-step; one without documents fills up a step whose rows do not divide."""

    step: int
    micro_step: int
    is_last: bool
    """The step ends with this micro-step."""
    window: int
    offset: int
    documents: tuple[Document, ...]
    replaced: tuple[Replaced, ...]


class Stream:
    """The rows of one rank, step by step; iterate over it once.

    Raises BadInput where `state` is that of other data.
    """

    def __init__(
        self,
        chosen: Sequence[Chosen],
        encoding: Encoding,
        order: Order,
        loading: Loading = Loading(),
        *,
        steps: int,
        state: StreamState | None = None,
        cost: Cost = Cost(),
    ) -> None:
        _check(chosen, encoding, loading)
        self.chosen, self._encoding, self._loading, self._cost = tuple(chosen), encoding, loading, cost
        self.plan, self._steps = Plan([one.pool for one in chosen], order), steps
        self._position = state.position if state else self.plan.at(0)
        if state:
            check_state(state, self.state)
        self._read = self._failed = 0

    @property
    def state(self) -> StreamState:
        """What to keep to go on: the step after the last one that was taken to its end."""
        return state_of(self.plan, self.chosen, self._position)

    def __iter__(self) -> Iterator[StreamRow]:
        loading, ahead = self._loading, self._ahead()
        work = ReadDocuments(tuple(one.lengths.export.fs for one in self.chosen), self._encoding)
        making, by_name, held_bytes = deque[_Making](), dict[str, _Making](), 0
        with Workers(work, loading.workers, loading.limit_s) as workers:
            coming = next(ahead, None)
            while coming or making:
                while coming and workers.has_room() and self._has_room(held_bytes, coming, len(making)):
                    making.append(coming)
                    by_name[coming.name] = coming
                    held_bytes += coming.size_bytes
                    coming.begin(workers)
                    coming = next(ahead, None)
                if not making[0].is_whole:
                    name, answer = workers.next()
                    self._take(by_name[name], answer, workers)
                    continue
                done = making.popleft()
                del by_name[done.name]
                if done.is_last:
                    self._position = done.after
                yield done.row()
                held_bytes -= done.size_bytes

    def _has_room(self, held_bytes: int, coming: _Making, others: int) -> bool:
        """Say whether a row may be made now; one larger than the bound is made alone, and without workers each is: a
        row made here ahead of another only keeps that one waiting."""
        if not self._loading.workers:
            return not others
        return not (others or held_bytes) or held_bytes + coming.size_bytes <= self._loading.ahead_mib * MIB

    def _ahead(self) -> Iterator[_Making]:
        """Yield what this rank has to make, in the order in which it is trained."""
        position = self._position
        while position.step < self._steps:
            rows, after = self.plan.rows(position), self.plan.after(position)
            mine = dealt(self._cost.of(self.plan.pools, rows), self._loading.ranks)[:, self._loading.rank].tolist()
            for micro_step, at in enumerate(mine):
                row = None if at == EMPTY else rows[at]
                yield _Making(self, position.step, micro_step, after, micro_step == len(mine) - 1, row)
            position = after

    def _take(self, making: _Making, made: Sequence[Made], workers: Workers) -> None:
        self._read += len(made)
        spoilt = [one for one in made if isinstance(one, Spoilt)]
        self._failed += len(spoilt)
        making.take(made, workers)
        if self._failed > max(FEW_FAILED, MOST_FAILED * self._read):
            raise TooManyFailed(
                f"{self._failed} of {self._read} samples that were read failed",
                where=f"step {making.step}",
                remedy=f"mend the cause; the last one was {spoilt[-1].reason}: {spoilt[-1].detail}",
            )


def wanted(chosen: Sequence[Chosen], pool: int, place: int) -> Wanted:
    """Return where a sample of the plan lies and what it counts."""
    lengths, row = chosen[pool].lengths, int(chosen[pool].pool.row_N[place])
    told = lengths.rows[row]
    counts = (int(told[name]) for name in ("tokens", "targets", "patches"))
    key = told["key"].tobytes().hex()
    return Wanted(pool, lengths.path_of(row), int(told["start"]), int(told["end"]), key, *counts)


class _Making:
    """A row while it is made: its slots, each with a document, a stand-in on its way, or nothing for good."""

    def __init__(
        self, stream: Stream, step: int, micro_step: int, after: Position, is_last: bool, row: Row | None
    ) -> None:
        self._stream, self._row = stream, row
        self.step, self.micro_step, self.after, self.is_last = step, micro_step, after, is_last
        places = zip(row.pool_N.tolist(), row.place_N.tolist(), strict=True) if row else ()
        self._slots = [_Slot(pool, place) for pool, place in places]
        self._waiting = list[_Slot]()
        self._wanted = [wanted(stream.chosen, slot.pool, slot.place) for slot in self._slots]
        self.size_bytes = sum(TOKEN_BYTES * one.tokens + PATCH_BYTES * one.patches for one in self._wanted)
        where = f"sequence {row.offset} of window {row.window}" if row else "an empty row"
        self.name = f"step {step}, micro-step {micro_step}: {where}"

    @property
    def is_whole(self) -> bool:
        return not self._waiting

    def begin(self, workers: Workers) -> None:
        if self._slots:
            self._waiting = list(self._slots)
            workers.submit(self.name, self._wanted)

    def take(self, made: Sequence[Made], workers: Workers) -> None:
        """Put documents in their slots; for what is spoilt ask for the next stand-in."""
        asking = []
        for slot, one in zip(self._waiting, made, strict=True):
            if isinstance(one, Document):
                slot.document = one
            elif self._next(slot, one):
                asking.append(slot)
        self._waiting = asking
        if asking:
            workers.submit(self.name, [wanted(self._stream.chosen, slot.pool, slot.asked) for slot in asking])

    def _next(self, slot: _Slot, spoilt: Spoilt) -> bool:
        """Turn to the next stand-in of a slot; return whether there is one."""
        plan, row = self._stream.plan, self._row
        assert row
        if slot.spoilt is None:
            slot.spoilt = spoilt
            slot.others = deque(stand_ins(plan.pools, plan.window(row.window), slot.pool, slot.place))
        if slot.others:
            slot.asked = slot.others.popleft()
            return True
        return False

    def row(self) -> StreamRow:
        """Return the row, whole."""
        return StreamRow(
            self.step,
            self.micro_step,
            self.is_last,
            self._row.window if self._row else EMPTY,
            self._row.offset if self._row else EMPTY,
            tuple(slot.document for slot in self._slots if slot.document),
            tuple(self._replaced(slot) for slot in self._slots if slot.spoilt),
        )

    def _replaced(self, slot: _Slot) -> Replaced:
        assert slot.spoilt
        key = self._wanted[self._slots.index(slot)].key
        return Replaced(key, *slot.spoilt, slot.document.key if slot.document else "")


class _Slot:
    """A place in a row: the sample that the plan has there, and what became of it."""

    def __init__(self, pool: int, place: int) -> None:
        self.pool, self.place, self.asked = pool, place, place
        self.document: Document | None = None
        self.spoilt: Spoilt | None = None
        self.others = deque[int]()


def _check(chosen: Sequence[Chosen], encoding: Encoding, loading: Loading) -> None:
    if not 0 <= loading.rank < loading.ranks or loading.workers < 0:
        raise BadInput(f"rank {loading.rank} of {loading.ranks}, {loading.workers} workers", where="loading")
    for one in chosen:
        if one.lengths.about.rule != encoding.rule:
            raise BadInput(
                "its lengths were counted with another tokenizer or picture rule",
                where=one.pool.name,
                remedy="give the tokenizer that they were counted with, or count them with this one",
            )
