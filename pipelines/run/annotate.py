"""Annotating a shard: block by block, whoever still lives and was not looked at is looked at.

A block of rows in the catalogue's order is the unit that a kill can cost: each annotator's finds on it are one piece.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from msgspec import Struct

from annotators.annotator import Annotator, Needs
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.recipes.recipe import Recipe, Spec
from pipelines.record import log
from pipelines.record.failure import Failure
from pipelines.record.record import too_many
from pipelines.run.decide import gather
from pipelines.run.decisions import stored_decisions
from pipelines.run.facts import Facts
from pipelines.run.judge import KEPT, Decisions, Judged, judge
from pipelines.run.scratch import Scratch
from pipelines.shelf.people import People
from pipelines.shelf.shelf import Shelf
from schemas.errors import TooManyFailed
from schemas.note import Failed

BLOCK = 1000


class Annotated(Struct, frozen=True):
    """What was done on a shard of so many rows: samples looked at and pieces written, by annotator, what was counted
    besides, and the failures; how many live at the barrier."""

    rows: int
    looked_at: dict[str, int]
    pieces: dict[str, int]
    counts: dict[str, int]
    failures: list[Failure]
    living: int


class AnnotateShard(Struct, frozen=True):
    """Work: bring a shard to the step `until`, a barrier or the end; the steps `barriers` before it are decided.

    `gathered`: the columns of those who live at the barrier, which are written to `scratch_url`; none at the end.
    """

    shelf_url: str
    spec: Spec
    until: int
    barriers: tuple[int, ...]
    snapshot: str
    max_failed: float
    retry: bool
    block: int
    recipe_id: str
    gathered: tuple[str, ...] = ()
    scratch_url: str = ""

    @property
    def needs(self) -> Needs:
        """What a worker takes: the most that one of the annotators does."""
        needs = [value.build().needs for kind, value in self.spec.steps if kind == "annotate"]
        return Needs(max((one.cpus for one in needs), default=1), max((one.gpus for one in needs), default=0))

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Annotated]]:
        """Open the guards and yield what annotates one shard."""
        recipe, shelf = self.spec.build_as(self.recipe_id), Shelf(self.shelf_url)
        with ExitStack() as stack:
            answers = shelf.path("answers") if shelf.is_local else f"{shelf.url}/answers"
            guards = {
                place: stack.enter_context(Guard(annotator.kept_in(answers)))
                for place, annotator in recipe.annotators()
                if place < self.until
            }
            decisions = stack.enter_context(stored_decisions(shelf, recipe, self.snapshot, self.barriers))
            scratch = Scratch(self.scratch_url) if self.scratch_url else None
            people = People(shelf)
            yield lambda shard: _Annotating(self, recipe, guards, shelf, people, shard, decisions.of(shard)).run(
                scratch
            )


class _Annotating:
    """One shard on its way to the end of a round."""

    def __init__(
        self,
        work: AnnotateShard,
        recipe: Recipe,
        guards: dict[int, Guard],
        shelf: Shelf,
        people: People,
        shard: str,
        decisions: Decisions,
    ) -> None:
        self._work, self._recipe, self._guards, self._shelf = work, recipe, guards, shelf
        self._facts, self._decisions = Facts(shelf, recipe, shard, recipe.asked, people), decisions
        self._looked_at, self._pieces, self._counts = Counter[str](), Counter[str](), Counter[str]()
        self._failures: list[Failure] = []
        self._round_begins = max(work.barriers, default=0)

    def run(self, scratch: Scratch | None) -> Annotated:
        began, rows = time.monotonic(), np.arange(self._facts.count)
        judged = self._judge(rows, self._work.until)
        todo = rows[judged.outcome != KEPT] if self._work.retry else judged.waiting()
        for block in np.unique(todo // self._work.block).tolist():
            self._block(rows[block * self._work.block : (block + 1) * self._work.block])
        if len(todo):
            judged = self._judge(rows, self._work.until)
        living = gather(scratch, self._facts, self._work.gathered, judged) if scratch else len(judged.living())
        log.event(
            "annotated",
            shard=self._facts.shard,
            samples=self._looked_at.total(),
            failed=len(self._failures),
            seconds=round(time.monotonic() - began, 3),
        )
        told = dict(self._looked_at), dict(self._pieces), dict(self._counts)
        return Annotated(len(rows), *told, self._failures, living)

    def _judge(self, rows: Any, until: int) -> Judged:
        return judge(self._recipe, self._facts, self._decisions, rows, until)

    def _block(self, rows: Any) -> None:
        for place, annotator in self._recipe.annotators():
            if place >= self._work.until:
                return
            retry = self._work.retry and place >= self._round_begins
            judged = self._judge(rows, place + 1)
            failed = self._facts.notes[place].reasons
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
        notes = self._facts.notes[place]
        failed = {*np.flatnonzero(notes.failed).tolist()} - {*found}
        for row, result in found.items():
            if isinstance(result, Failed):
                failed.add(row)
                key = self._facts.key(row)
                self._failures.append(Failure(self._facts.shard, key, annotator.name, result.reason, result.detail))
                log.failed(self._failures[-1])
            else:
                self._counts.update({f"{annotator.name}.{name}": number for name, number in result.counts.items()})
        self._stop_if_too_many(len(failed), annotator)
        self._looked_at[annotator.name] += len(found)
        self._pieces[self._recipe.ids[place]] += notes.add(found, retried=self._work.retry)

    def _stop_if_too_many(self, failed: int, annotator: Annotator) -> None:
        if self._failures and too_many(failed, self._facts.count, self._work.max_failed):
            last = self._failures[-1]
            raise TooManyFailed(
                f"{failed} of {self._facts.count} samples failed in {annotator.name}, the last because of "
                f"{last.reason} ({last.detail}), sample {last.key}",
                where=f"shard {self._facts.shard}",
                remedy="mend the cause, or allow more with --max-failed",
            )
