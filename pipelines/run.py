"""A run: rounds of annotation, each ended by a corpus filter's barrier, then verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.annotate import BLOCK, AnnotateShard
from pipelines.decisions import Decided, decide, put_decision
from pipelines.engine import Engine, Work
from pipelines.recipe import Recipe
from pipelines.record import Record, recorded
from pipelines.shelf import Shelf
from pipelines.verdicts import WriteVerdicts
from schemas.publish import put

Progress = Callable[[str, Sequence[str], Any], Any]


class RunOptions(Struct, frozen=True):
    """How a run behaves where samples fail: the share of a shard that may, and whether failed ones are tried again.

    `block` is how many samples a kill can cost.
    """

    max_failed: float = 0.05
    retry: bool = False
    block: int = BLOCK


def run(
    shelf: Shelf, recipe: Recipe, engine: Engine, options: RunOptions = RunOptions(), progress: Progress | None = None
) -> dict[str, int]:
    """Curate a shelf by a recipe and return how many samples were kept, dropped and failed.

    The same call again goes on where this one stopped. Raises TooManyFailed, Unavailable, BadInput.
    """
    shards = shelf.need_shards()
    shelf.sweep()
    config = {"recipe": recipe.id, "engine": msgspec.to_builtins(engine), "options": msgspec.to_builtins(options)}
    with recorded(shelf, "run", config) as record:
        put(shelf.fs, shelf.path("recipes", f"{recipe.id}.json"), recipe.json())
        return _Run(shelf, recipe, engine, options, progress, record, shards).run()


class _Run:
    def __init__(
        self,
        shelf: Shelf,
        recipe: Recipe,
        engine: Engine,
        options: RunOptions,
        progress: Progress | None,
        record: Record,
        shards: list[str],
    ) -> None:
        self._shelf, self._recipe, self._engine, self._options = shelf, recipe, engine, options
        self._progress, self._record, self._shards = progress, record, shards
        self._snapshot = shelf.snapshot(shards)

    def run(self) -> dict[str, int]:
        decided, done = Decided(), list[int]()
        for barrier in self._recipe.barriers():
            self._annotate(barrier, tuple(done))
            columns = decide(self._shelf, self._recipe, self._shards, barrier, decided)
            put_decision(self._shelf, self._recipe, self._snapshot, barrier, columns)
            done.append(barrier)
        self._annotate(len(self._recipe.steps), tuple(done))
        return self._verdicts()

    def _annotate(self, until: int, barriers: tuple[int, ...]) -> None:
        begins = barriers[-1] if barriers else 0
        if not any(begins <= place < until for place, _ in self._recipe.annotators()):
            return
        work = AnnotateShard(
            self._shelf.url,
            self._recipe.spec,
            until,
            barriers,
            self._snapshot,
            self._options.max_failed,
            self._options.retry,
            self._options.block,
        )
        names = [a.name for place, a in self._recipe.annotators() if begins <= place < until]
        for _, answer in self._map(f"annotate {', '.join(names)}", work):
            for name, number in answer.looked_at.items():
                self._record.count(f"looked_at.{name}", number)
            self._record.failed(answer.failures)

    def _verdicts(self) -> dict[str, int]:
        totals = {"kept": 0, "dropped": 0, "failed": 0}
        for _, counts in self._map("verdicts", WriteVerdicts(self._shelf.url, self._recipe.spec, self._snapshot)):
            for outcome, number in counts.items():
                totals[outcome] += number
        for outcome, number in totals.items():
            self._record.count(outcome, number)
        return totals

    def _map(self, what: str, work: Work) -> Any:
        answers = self._engine.map(work, self._shards)
        return self._progress(what, self._shards, answers) if self._progress else answers
