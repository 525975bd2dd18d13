"""Annotating a shard: block by block, whoever still lives and was not looked at is looked at.

A block of rows in the catalogue's order is the unit that a kill can cost: each annotator's finds on it are one piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from msgspec import Struct

from annotators.annotator import Annotator
from pipelines.decisions import read_decisions
from pipelines.facts import Facts
from pipelines.guard import Guard
from pipelines.guard_talk import Failed, Request
from pipelines.judge import judge
from pipelines.recipe import Recipe, Spec
from pipelines.record import Failure, too_many
from pipelines.shelf import Shelf
from schemas.errors import TooManyFailed

BLOCK = 1000


class Annotated(Struct, frozen=True):
    """What was done on a shard: samples looked at, by annotator, and the failures."""

    looked_at: dict[str, int]
    failures: list[Failure]


class AnnotateShard(Struct, frozen=True):
    """Work: bring a shard to the step `until`, the first barrier or the end; steps before `barriers` are decided."""

    shelf_url: str
    spec: Spec
    until: int
    barriers: tuple[int, ...]
    snapshot: str
    max_failed: float
    retry: bool
    block: int

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Annotated]]:
        """Open the guards and yield what annotates one shard."""
        recipe = self.spec.build()
        with ExitStack() as stack:
            guards = {place: stack.enter_context(Guard(a)) for place, a in recipe.annotators() if place < self.until}
            yield lambda shard: _Annotating(self, recipe, guards, shard).run()


class _Annotating:
    """One shard on its way to the end of a round."""

    def __init__(self, work: AnnotateShard, recipe: Recipe, guards: dict[int, Guard], shard: str) -> None:
        self._work, self._recipe, self._guards = work, recipe, guards
        self._shelf = Shelf(work.shelf_url)
        self._facts = Facts(self._shelf, recipe, shard)
        self._decisions = read_decisions(self._shelf, recipe, work.snapshot, work.barriers, shard)
        self._looked_at = Counter[str]()
        self._failures: list[Failure] = []
        self._round_begins = max(work.barriers, default=0)

    def run(self) -> Annotated:
        rows = np.arange(self._facts.count)
        for first in range(0, len(rows), self._work.block):
            self._block(rows[first : first + self._work.block])
        return Annotated(dict(self._looked_at), self._failures)

    def _block(self, rows: Any) -> None:
        for place, annotator in self._recipe.annotators():
            if place >= self._work.until:
                return
            retry = self._work.retry and place >= self._round_begins
            judged = judge(self._recipe, self._facts, self._decisions, rows, place + 1)
            failed = self._facts.notes[place].failed
            again = [row for row in judged.failed_at(place) if row in failed] if retry else []
            todo = sorted({*judged.unknown_at(place), *again})
            if todo:
                self._annotate(place, annotator, todo)

    def _annotate(self, place: int, annotator: Annotator, todo: Sequence[int]) -> None:
        reads = self._facts.columns(annotator.reads, np.array(todo)) if annotator.reads else None
        requests = [
            Request(sample, self._shelf.media_url(media), offsets, {} if reads is None else reads.row(at))
            for at, (sample, media, offsets) in enumerate(self._facts.samples(todo))
        ]
        found = dict(zip(todo, self._guards[place].look(requests), strict=True))
        failed = {*self._facts.notes[place].failed} - {*found}
        for row, result in found.items():
            if isinstance(result, Failed):
                failed.add(row)
                key = self._facts.keys()[row].hex()
                self._failures.append(Failure(self._facts.shard, key, annotator.name, result.reason, result.detail))
        self._stop_if_too_many(len(failed), annotator)
        self._looked_at[annotator.name] += len(found)
        self._facts.notes[place].add(found, retried=self._work.retry)

    def _stop_if_too_many(self, failed: int, annotator: Annotator) -> None:
        if self._failures and too_many(failed, self._facts.count, self._work.max_failed):
            last = self._failures[-1]
            raise TooManyFailed(
                f"{failed} of {self._facts.count} samples failed in {annotator.name}, the last because of "
                f"{last.reason} ({last.detail}), sample {last.key}",
                where=f"shard {self._facts.shard}",
                remedy="mend the cause, or allow more with --max-failed",
            )
