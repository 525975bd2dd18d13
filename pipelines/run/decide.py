"""Deciding a round: the living rows' columns lie on scratch, and one corpus filter after another decides over them.

What fits the memory cap is decided together, in this process. What does not is spread into buckets, as the filter says,
and each bucket is decided apart, through the engine; the best witness of a row counts. Both ways one function decides,
so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Columns, Lists, joined
from filters.corpus import NOBODY, WHOLE, CorpusFilter, Learned, halves
from pipelines.engines.engine import Engine
from pipelines.recipes.recipe import Recipe
from pipelines.recipes.value import Value, value_of
from pipelines.record import log
from pipelines.run.decisions import Decision
from pipelines.run.facts import Facts
from pipelines.run.judge import Judged
from pipelines.run.scratch import Scratch
from schemas.errors import Unavailable

LIVING = "living"
SPREAD = "spread"
LOST = "lost"
CHUNK_ROWS = 4_000_000
FEW_GROUPS = 64

Counts = Mapping[str, NDArray[np.int64]]
"""Of a filter that counts, how many samples stood in each entry `before` it decided and `after`; else nothing."""


def names_of(recipe: Recipe, steps: range) -> tuple[str, ...]:
    """Return the columns that the corpus filters of these steps read."""
    filters = (recipe.corpus_filter(step) for step in steps)
    return tuple(dict.fromkeys(("key", *(name for one in filters if one is not None for name in one.reads))))


def gather(scratch: Scratch, facts: Facts, names: Sequence[str], judged: Judged) -> int:
    """Write the columns of a shard's living rows, and return how many there are."""
    living = judged.living()
    columns = dict(facts.columns(names, living, judged.left_out).items())
    scratch.put(f"{LIVING}/{facts.shard}", Columns(len(living), {"row": living.astype(np.uint32), **columns}))
    return len(living)


class Round:
    """The living rows of one round, in the order of their shards; those that a filter drops live no longer.

    `living`: how many rows of each shard were gathered.
    """

    def __init__(
        self, recipe: Recipe, scratch: Scratch, living: Mapping[str, int], engine: Engine, cap_bytes: int
    ) -> None:
        self._recipe, self._scratch, self._engine, self._cap_bytes = recipe, scratch, engine, cap_bytes
        self._shards = list(living)
        self._ends = np.cumsum([0, *living.values()])
        self._alive = np.ones(int(self._ends[-1]), np.bool_)

    def living(self) -> int:
        """Return how many rows live."""
        return int(self._alive.sum())

    def decide(self, step: int) -> tuple[Decision, Counts]:
        """Decide one step; return who lost, and of a filter that counts, the counts `before` and `after`."""
        judging = self._recipe.corpus_filter(step)
        assert judging is not None
        count = self.living()
        apart = count * judging.row_bytes > self._cap_bytes
        lost, counts = self._apart(judging, count) if apart else self._together(judging)
        gone = lost.part == WHOLE
        self._alive[lost.at[gone]] = False
        log.event("decided", step=step, filter=judging.name, rows=count, lost=int(gone.sum()), apart=int(apart))
        return self._decision(judging, lost), counts

    def _learn(self, judging: CorpusFilter) -> Learned:
        most_rows = min(CHUNK_ROWS, self._cap_bytes // judging.row_bytes)
        with _named(judging):
            surveys = (judging.survey(columns) for columns in self._chunks(("key", *judging.reads), most_rows))
            return judging.learn(list(surveys) if _surveys(judging) else [])

    def _chunks(self, names: Sequence[str], most_rows: int) -> Iterator[Columns]:
        """Yield the living rows in runs of shards that stay below so many rows, where a shard does."""
        first = 0
        while first < len(self._shards):
            fits = int(np.searchsorted(self._ends, self._ends[first] + most_rows, side="right")) - 1
            end = min(max(fits, first + 1), len(self._shards))
            yield self._load(names, first, end)
            first = end

    def _load(self, names: Sequence[str], first: int, end: int) -> Columns:
        """Read the living rows of shards [first, end), each shard once, into arrays made for all of them."""
        count, filled = int(self._alive[self._ends[first] : self._ends[end]].sum()), 0
        most_bytes = sum(self._scratch.size_bytes(f"{LIVING}/{shard}") for shard in self._shards[first:end])
        whole: dict[str, NDArray[Any]] = {}
        lists: dict[str, _Filling] = {}
        for place in range(first, end):
            alive = self._alive[self._ends[place] : self._ends[place + 1]]
            piece = self._scratch.get(f"{LIVING}/{self._shards[place]}", tuple(dict.fromkeys(names))).rows_where(alive)
            for name, found in piece.items():
                if isinstance(found, Lists):
                    if name not in lists:
                        lists[name] = _Filling(count, most_bytes, found)
                    lists[name].add(filled, found)
                    continue
                if name not in whole:
                    whole[name] = np.empty(count, found.dtype)
                whole[name][filled : filled + piece.count] = found
            filled += piece.count
        return Columns(count, {**whole, **{name: filling.whole() for name, filling in lists.items()}})

    def _together(self, judging: CorpusFilter) -> tuple[_Lost, Counts]:
        columns = self._load(("key", *judging.reads), 0, len(self._shards))
        with _named(judging):
            learned = judging.learn([judging.survey(columns)])
            lost = judging.decide(columns, learned)
        order = np.argsort(lost.rows)
        rows, witnesses = lost.rows[order], lost.witnesses[order]
        found = _Lost(
            np.flatnonzero(self._alive)[rows],
            lost.reason[order],
            lost.measured[order],
            columns.array("key")[witnesses],
            witnesses != NOBODY,
            lost.places()[order],
        )
        if not judging.counts:
            return found, {}
        before = learned[judging.counts]
        return found, _counts(before, before - _padded(judging.survey(columns.take(rows))[judging.counts], before))

    def _apart(self, judging: CorpusFilter, count: int) -> tuple[_Lost, Counts]:
        workers, learned = self._engine.workers, self._learn(judging)
        buckets = ceil(count * judging.copies * judging.row_bytes * workers / self._cap_bytes)
        groups = max(FEW_GROUPS, ceil(2 * count * judging.row_bytes * workers / self._cap_bytes))
        plan = _Plan(tuple(self._shards), tuple(self._ends.tolist()), min(groups, len(self._shards)))
        self._scratch.put_arrays(f"{SPREAD}/alive", {"alive": self._alive})
        self._scratch.put_arrays(f"{SPREAD}/learned", learned)
        value = value_of(judging)
        for _ in self._engine.map(_SpreadGroup(self._scratch.url, value, plan, buckets), plan.names()):
            pass
        there = self._scratch.names(f"{SPREAD}/buckets")
        for _ in self._engine.map(_DecideBucket(self._scratch.url, value), there):
            pass
        found = [self._scratch.get(f"{SPREAD}/{LOST}/{name}", _LOST) for name in there]
        self._scratch.remove(SPREAD)
        lost = _best(joined(_LOST, found)) if found else _nobody()
        if not judging.counts:
            return lost, {}
        self._alive[lost.at] = False
        before = learned[judging.counts]
        return lost, _counts(before, _padded(self._learn(judging)[judging.counts], before))

    def _decision(self, judging: CorpusFilter, lost: _Lost) -> Decision:
        cuts = np.searchsorted(lost.at, self._ends)
        shard = np.repeat(np.arange(len(self._shards), dtype=np.int32), np.diff(cuts))
        row = np.empty(len(lost.at), np.int64)
        for place in np.unique(shard).tolist():
            here = slice(int(cuts[place]), int(cuts[place + 1]))
            rows = self._scratch.get(f"{LIVING}/{self._shards[place]}", ["row"]).array("row")
            row[here] = rows[lost.at[here] - self._ends[place]]
        return Decision(
            judging.reasons, shard, row, lost.reason, lost.measured, lost.witness, lost.has_witness, lost.part
        )


class _Filling:
    """Lists of `count` rows that are filled in piece by piece, in order, of values of at most so many bytes.

    Room is taken for as many values as there could be: memory that nobody touches costs nothing, a second copy would.
    """

    def __init__(self, count: int, most_bytes: int, like: Lists) -> None:
        self._offsets = np.zeros(count + 1, np.int64)
        least_bytes = 4 if like.values.dtype == object else like.values.dtype.itemsize
        self._values = np.empty(most_bytes // least_bytes + 1, like.values.dtype)

    def add(self, first: int, piece: Lists) -> None:
        begin, own = self._offsets[first], piece.within()
        self._offsets[first : first + len(piece.offsets)] = begin + piece.offsets - piece.offsets[0]
        self._values[begin : begin + len(own)] = own

    def whole(self) -> Lists:
        return Lists(self._offsets, self._values[: self._offsets[-1]])


class _Lost(Struct, frozen=True):
    """Who lost: places among all rows of the round, ascending, why, what was measured, to whom, and which part."""

    at: NDArray[np.int64]
    reason: NDArray[np.int16]
    measured: NDArray[np.float64]
    witness: NDArray[Any]
    has_witness: NDArray[np.bool_]
    part: NDArray[np.int64]


def _counts(before: NDArray[np.int64], after: NDArray[np.int64]) -> Counts:
    return {"before": before, "after": after}


def _padded(counts: NDArray[np.int64], like: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.pad(counts, (0, len(like) - len(counts)))


def _nobody() -> _Lost:
    none = np.zeros(0, np.int64)
    return _Lost(none, none.astype(np.int16), none.astype(np.float64), np.zeros(0, "S16"), none.astype(np.bool_), none)


@contextmanager
def _named(judging: CorpusFilter) -> Iterator[None]:
    """Name the filter where it raises."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError) as error:
        raise Unavailable(
            f"{type(error).__name__}: {error}",
            where=f"filter {judging.name}",
            remedy="a corpus filter decides over all that reaches it",
        ) from error


def _surveys(judging: CorpusFilter) -> bool:
    return type(judging).survey is not CorpusFilter.survey


_LOST = ("at", "reason", "measured", "witness", "has_witness", "part", "merit")


def _best(found: Columns) -> _Lost:
    """Return each row, or each part of one, once, with the best of the witnesses that the buckets name: more merit,
    then the smaller key."""
    at, part, witness = found.array("at"), found.array("part"), found.array("witness")
    high, low = halves(witness)
    order = np.lexsort((low, high, ~found.array("merit"), ~found.array("has_witness"), part, at))
    other = (at[order][1:] != at[order][:-1]) | (part[order][1:] != part[order][:-1])
    first = order[np.r_[True, other]] if len(order) else order
    return _Lost(
        at[first],
        found.array("reason")[first],
        found.array("measured")[first],
        witness[first],
        found.array("has_witness")[first],
        part[first],
    )


class _Plan(Struct, frozen=True):
    """Shards, the places at which their rows begin among all, and in how many groups they are spread."""

    shards: tuple[str, ...]
    ends: tuple[int, ...]
    groups: int

    def names(self) -> list[str]:
        return [f"{number:06d}" for number in range(self.groups)]

    def of(self, name: str) -> range:
        """Return the places of a group's shards."""
        cuts = [len(self.shards) * number // self.groups for number in (int(name), int(name) + 1)]
        return range(*cuts)


class _SpreadGroup(Struct, frozen=True):
    """Work: spread the living rows of a group of shards into buckets."""

    scratch_url: str
    judging: Value
    plan: _Plan
    buckets: int

    @contextmanager
    def open(self) -> Iterator[Callable[[str], int]]:
        scratch, judging = Scratch(self.scratch_url), self.judging.build()
        learned = scratch.get_arrays(f"{SPREAD}/learned")
        alive = scratch.get_arrays(f"{SPREAD}/alive")["alive"]
        names = tuple(dict.fromkeys(("key", *judging.reads)))
        yield lambda group: self._spread(scratch, judging, learned, alive, names, group)

    def _spread(
        self,
        scratch: Scratch,
        judging: CorpusFilter,
        learned: Learned,
        alive: NDArray[np.bool_],
        names: tuple[str, ...],
        group: str,
    ) -> int:
        pieces = []
        for place in self.plan.of(group):
            begin, end = self.plan.ends[place : place + 2]
            rows = np.flatnonzero(alive[begin:end])
            columns = dict(scratch.get(f"{LIVING}/{self.plan.shards[place]}", names).take(rows).items())
            pieces.append(Columns(len(rows), {"at": begin + rows, **columns}))
        whole = joined(("at", *names), pieces)
        with _named(judging):
            spread = judging.spread(whole, learned, self.buckets)
        order = np.argsort(spread.buckets, kind="stable")
        rows, buckets = spread.rows[order], spread.buckets[order]
        numbers, begins = np.unique(buckets, return_index=True)
        for number, first, end in zip(
            numbers.tolist(), begins.tolist(), [*begins.tolist()[1:], len(rows)], strict=True
        ):
            scratch.put(f"{SPREAD}/buckets/{number:06d}/{group}", whole.take(rows[first:end]))
        return len(rows)


class _DecideBucket(Struct, frozen=True):
    """Work: decide one bucket."""

    scratch_url: str
    judging: Value

    @contextmanager
    def open(self) -> Iterator[Callable[[str], int]]:
        scratch, judging = Scratch(self.scratch_url), self.judging.build()
        learned = scratch.get_arrays(f"{SPREAD}/learned")
        yield lambda bucket: _decide_bucket(scratch, judging, learned, bucket)


def _decide_bucket(scratch: Scratch, judging: CorpusFilter, learned: Learned, bucket: str) -> int:
    folder = f"{SPREAD}/buckets/{bucket}"
    names = tuple(dict.fromkeys(("at", "key", *judging.reads)))
    columns = joined(names, [scratch.get(f"{folder}/{group}", names) for group in scratch.names(folder)])
    with _named(judging):
        lost = judging.decide(columns, learned)
    some = {
        "at": columns.array("at")[lost.rows],
        "reason": lost.reason,
        "measured": lost.measured,
        "witness": columns.array("key")[lost.witnesses],
        "has_witness": lost.witnesses != NOBODY,
        "part": lost.places(),
        "merit": judging.merit(columns)[lost.witnesses],
    }
    scratch.put(f"{SPREAD}/{LOST}/{bucket}", Columns(len(lost.rows), some))
    return len(lost.rows)
