"""What-if from tables alone: one step asked again of everybody who was seen; steps behind it are not judged again.

The filter itself judges the columns of its notes, as they come from DuckDB. What became of each sample so far is a byte
a row, looked up by shard and row: to join the two tables in DuckDB, 50 million rows each, took twice the time and eight
times the memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import CorpusFilter
from filters.filter import KEEP, Filter
from pipelines.query.whatif import change_recipe
from pipelines.recipes.recipe import BY_PEOPLE, FACTS, Annotate, Keep, Recipe
from pipelines.shelf.arrow_columns import flat, to_numpy
from pipelines.shelf.in_duckdb import notes_of, shard_of, tables
from pipelines.shelf.people import names_by_people
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.tables import Column

DOOR = "the door"
BATCH_ROWS = 1 << 18

_AT = "_at"
_UNTOLD = ("key", "digest", "text")
_ROW_BITS = 32
_OTHER, _KEPT, _DROPPED_HERE = range(3)


class Seen(Struct):
    """Of the samples that an annotator, or the door, has seen: how many pass the step as it is (None: it is a new one)
    and how many would pass it changed."""

    by: str
    samples: int = 0
    pass_now: int | None = None
    would_pass: int = 0


class Moved(Struct):
    """Of the samples that are judged: kept now, and of them those that would go; dropped at this very step now, and of
    them those that would go on. `compared_by`: the steps behind it that compare samples."""

    judged: int
    kept: int
    dropped_here: int
    compared_by: tuple[str, ...]
    would_go: int = 0
    would_go_on: int = 0

    @property
    def least(self) -> int:
        """How many would be kept where later steps keep none of those that go on."""
        return self.kept - self.would_go

    @property
    def most(self) -> int:
        """How many would be kept where later steps keep all of those that go on."""
        return self.least + self.would_go_on

    @property
    def compares(self) -> bool:
        """Say whether steps that compare samples would be given others than now."""
        return bool(self.compared_by) and self.would_go + self.would_go_on > 0


class Question:
    """A changed step. Raises BadInput where nothing changes, or tables alone cannot tell."""

    def __init__(self, shelf: Shelf, recipe: Recipe, said: str) -> None:
        changed, self.change = change_recipe(recipe, said)
        self._shelf, self._recipe = shelf, recipe
        self._place, self._old, self._new = _difference(recipe, changed, said)
        self._by = _writer(recipe, self._new, names_by_people(shelf))

    def of_notes(self, db: Any) -> Seen:
        """Count who passes, among all that were seen."""
        seen = Seen(self._by, pass_now=None if self._old is None else 0)
        for _, columns in self._seen(db):
            self._count(seen, columns)
        return seen

    def of_judged(self, db: Any) -> tuple[Seen, Moved]:
        """Count who passes, and what would become of those that the recipe has judged."""
        seen, fates = Seen(self._by, pass_now=None if self._old is None else 0), self._fates(db)
        moved = Moved(fates.judged, fates.count(_KEPT), fates.count(_DROPPED_HERE), self._compared_by())
        for at, columns in self._seen(db, with_place=True):
            passes, fate = self._count(seen, columns), fates.of(at)
            moved.would_go += int(np.count_nonzero((fate == _KEPT) & ~passes))
            moved.would_go_on += int(np.count_nonzero((fate == _DROPPED_HERE) & passes))
        return seen, moved

    def _count(self, seen: Seen, columns: Columns) -> NDArray[np.bool_]:
        passes = _passes(self._new, columns)
        seen.samples += columns.count
        seen.would_pass += int(np.count_nonzero(passes))
        if self._old is not None and seen.pass_now is not None:
            seen.pass_now += int(np.count_nonzero(_passes(self._old, columns)))
        return passes

    def _seen(self, db: Any, *, with_place: bool = False) -> Iterator[tuple[NDArray[np.uint64], Columns]]:
        """Yield what the step reads of everybody who was seen, and where they are, if that is asked for."""
        reads = self._new.reads
        at = f"{_place(piece=self._by != DOOR)} AS {_AT}" if with_place else f"NULL AS {_AT}"
        names = ", ".join(f'"{name}"' for name in reads)
        seen = "failed = ''" if self._by == DOOR else f'"{reads[0]}" IS NOT NULL'
        query = f"SELECT {at}, {names} FROM {self._asked()} WHERE {seen}"
        for batch in db.sql(query).to_arrow_reader(BATCH_ROWS):
            place = flat(batch.column(0)) if with_place else np.zeros(0, np.uint64)
            yield place, Columns(batch.num_rows, {name: to_numpy(batch.column(name)) for name in reads})

    def _asked(self) -> str:
        """Return the table that holds what the step reads."""
        if self._by == DOOR:
            return tables(self._shelf, "catalog")
        kinds = {name.name: name.kind for _, one in self._recipe.annotators() for name in one.writes}
        return notes_of(self._shelf, self._by, *(Column(name, kinds[name]) for name in self._new.reads))

    def _fates(self, db: Any) -> _Fates:
        verdicts = tables(self._shelf, "verdicts", self._recipe.id)
        fates = _Fates(db, verdicts)
        kept, here = f"step = {len(self._recipe.steps)}", f"outcome = 'dropped' AND step = {self._place}"
        fates.set(_KEPT, f"{verdicts} WHERE {kept}")
        if self._old is not None:
            fates.set(_DROPPED_HERE, f"{verdicts} WHERE {here}")
        return fates

    def _compared_by(self) -> tuple[str, ...]:
        later = self._recipe.steps[self._place :]
        judging = [step.filter for step in later if isinstance(step, Keep)]
        return tuple(one.name for one in judging if isinstance(one, CorpusFilter))


class _Fates:
    """What became of each sample that is judged, a byte a sample, in the order of shards and rows."""

    def __init__(self, db: Any, verdicts: str) -> None:
        self._db = db
        counts = db.execute(
            f"SELECT CAST({shard_of('filename')} AS UINTEGER) AS shard, count(*) AS rows FROM {verdicts} "
            "GROUP BY 1 ORDER BY 1"
        ).fetchnumpy()
        shards, rows = counts["shard"], counts["rows"]
        self.judged = int(rows.sum())
        self._begins = np.full(int(shards.max(initial=0)) + 2, -1, np.int64)
        self._begins[shards] = np.cumsum(rows) - rows
        self._fates = np.zeros(self.judged + 1, np.uint8)

    def set(self, fate: int, where: str) -> None:
        """Give this fate to the rows of some verdicts."""
        for batch in self._db.sql(f"SELECT {_place()} FROM {where}").to_arrow_reader(BATCH_ROWS):
            self._fates[self._index(flat(batch.column(0)))] = fate

    def of(self, at: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Return the fates of samples by their places; of shards that are not judged, none of ours."""
        return self._fates[self._index(at)]

    def count(self, fate: int) -> int:
        return int(np.count_nonzero(self._fates == fate))

    def _index(self, at: NDArray[np.uint64]) -> NDArray[np.int64]:
        first = self._begins[np.minimum(at >> np.uint64(_ROW_BITS), np.uint64(len(self._begins) - 1))]
        row = (at & np.uint64((1 << _ROW_BITS) - 1)).astype(np.int64)
        return np.where(first < 0, self.judged, first + row)


def _place(*, piece: bool = False) -> str:
    """Return SQL for where a sample is, as one number: the shard's in the high half, the row in the low."""
    return f"(CAST({shard_of('filename', piece=piece)} AS UBIGINT) << {_ROW_BITS}) | row"


def _difference(recipe: Recipe, changed: Recipe, said: str) -> tuple[int, Filter | None, Filter]:
    """Return the place of the step that is changed or taken in, its filter where it is changed, and the new one."""
    pairs = zip(recipe.steps, changed.steps, strict=False)
    place = next((place for place, (was, will) in enumerate(pairs) if was != will), len(recipe.steps))
    if place == len(changed.steps):
        raise BadInput(f"{said!r} is what the recipe asks now", where=f"recipe {recipe.name}")
    old = _filter(recipe.steps[place]) if len(changed.steps) == len(recipe.steps) else None
    return place, old, _filter(changed.steps[place])


def _filter(step: Annotate | Keep) -> Filter:
    if isinstance(step, Keep) and isinstance(step.filter, Filter):
        return step.filter
    name = step.filter.name if isinstance(step, Keep) else step.annotator.name
    raise _untold(f"{name} compares samples")


def _writer(recipe: Recipe, judging: Filter, spoken_of: Collection[str]) -> str:
    """Return who wrote all that a filter reads: one annotator, or the door."""
    if untold := [name for name in judging.reads if name in _UNTOLD or name.startswith(("text_", "picture_"))]:
        raise _untold(f"{judging.name} reads {', '.join(sorted(untold))}")
    if said := [name for name in judging.reads if name in BY_PEOPLE or name in spoken_of]:
        raise _untold(f"people may have said {', '.join(sorted(said))}")
    writers = {DOOR if name in FACTS else recipe.ids[recipe.writer[name]] for name in judging.reads}
    if len(writers) != 1:
        raise _untold(f"{judging.name} reads what {len(writers)} have written")
    return writers.pop()


def _untold(why: str) -> BadInput:
    return BadInput(f"{why}: tables alone cannot tell", remedy="leave --quick out, and every sample is judged again")


def _passes(judging: Filter, columns: Columns) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = judging.judge_columns(columns).reason == KEEP
    return found
