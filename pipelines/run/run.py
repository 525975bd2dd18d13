"""A run: rounds of annotation, each ended by a barrier at which corpus filters decide, then verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.engines.engine import Engine, Work
from pipelines.recipes.recipe import Recipe
from pipelines.record import log
from pipelines.record.record import Record, recorded
from pipelines.run.annotate import BLOCK, AnnotateShard
from pipelines.run.decide import Round, names_of
from pipelines.run.decisions import put_counts, put_decision
from pipelines.run.scratch import Scratch, scratch_of, sweep_scratch
from pipelines.run.unchanged import LEFT, Left, last_counts, left_on
from pipelines.run.verdicts import WriteVerdicts
from pipelines.shelf.shelf import Shelf
from schemas.publish import put

Progress = Callable[[str, Sequence[str], Any], Any]
OUTCOMES = ("kept", "dropped", "failed")


class RunOptions(Struct, frozen=True):
    """How a run behaves where samples fail: the share of a shard that may, and whether failed ones are tried again.

    `block` is how many samples a kill can cost; `memory_gib` is what corpus decisions may take, and what does not fit
    is decided in buckets.
    """

    max_failed: float = 0.05
    retry: bool = False
    block: int = BLOCK
    memory_gib: float = 8.0


def run(
    shelf: Shelf, recipe: Recipe, engine: Engine, options: RunOptions = RunOptions(), progress: Progress | None = None
) -> dict[str, int]:
    """Curate a shelf by a recipe and return how many samples were kept, dropped and failed.

    The same call again goes on where this one stopped; where nothing changed since, it says what the last one found.
    Raises TooManyFailed, Unavailable, BadInput.
    """
    shards = shelf.need_shards()
    shelf.sweep()
    sweep_scratch(shelf)
    config = {
        "recipe": recipe.id,
        "annotators": list(recipe.ids.values()),
        "engine": msgspec.to_builtins(engine),
        "options": msgspec.to_builtins(options),
    }
    packages = tuple(dict.fromkeys(package for _, one in recipe.annotators() for package in one.made_with))
    with recorded(shelf, "run", config, packages) as record:
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
        self._pieces = Counter[str]()

    def run(self) -> dict[str, int]:
        before = self._left()
        totals = last_counts(self._shelf, self._recipe, before) if self._may_skip() else None
        if totals is None:
            totals = self._run()
            after = self._left()
        else:
            after = before
            log.event("unchanged", run=self._record.id)
        for outcome, number in totals.items():
            self._record.count(outcome, number)
        if after.is_of(before, self._pieces):
            self._record.fields.config[LEFT] = after.digest
        return totals

    def _may_skip(self) -> bool:
        """A user's own code is in no stamp, so its recipes are judged each time."""
        return self._recipe.is_ours and not self._options.retry

    def _left(self) -> Left:
        return left_on(self._shelf, self._recipe, self._snapshot, self._record.fields.stamp)

    def _run(self) -> dict[str, int]:
        done: tuple[int, ...] = ()
        for steps in self._recipe.rounds():
            with scratch_of(self._shelf, self._record.id) as scratch:
                living = self._annotate(steps.start, done, scratch, names_of(self._recipe, steps))
                self._decide(steps, scratch, living)
            done += tuple(steps)
        last = done[-1] if done else -1
        if any(place > last for place, _ in self._recipe.annotators()):
            self._annotate(len(self._recipe.steps), done)
        return self._verdicts()

    def _annotate(
        self, until: int, barriers: tuple[int, ...], scratch: Scratch | None = None, gathered: tuple[str, ...] = ()
    ) -> dict[str, int]:
        """Look at what nobody has looked at yet; return how many samples of each shard live at the barrier."""
        begins = barriers[-1] if barriers else 0
        work = AnnotateShard(
            self._shelf.url,
            self._recipe.spec,
            until,
            barriers,
            self._snapshot,
            self._options.max_failed,
            self._options.retry,
            self._options.block,
            self._recipe.id,
            gathered,
            scratch.url if scratch else "",
        )
        names = [a.name for place, a in self._recipe.annotators() if begins <= place < until]
        living: dict[str, int] = {}
        for shard, answer, counted in self._map(f"annotate {', '.join(names)}" if names else "gather", work):
            for name, number in answer.looked_at.items():
                self._record.count(f"looked_at.{name}", number)
            for name, number in answer.counts.items():
                self._record.count(name, number)
            self._record.failed(answer.failures)
            self._pieces.update(answer.pieces)
            living[shard] = answer.living
            counted(answer.rows)
        return {shard: living[shard] for shard in self._shards}

    def _decide(self, steps: range, scratch: Scratch, living: dict[str, int]) -> None:
        cap_bytes = int(self._options.memory_gib * 2**30)
        deciding = Round(self._recipe, scratch, living, self._engine, cap_bytes)
        for step in steps:
            with self._record.step(f"decide {self._recipe.step_name(step)}", deciding.living()):
                decision, counts = deciding.decide(step)
                put_decision(self._shelf, self._recipe, self._snapshot, self._shards, step, decision)
                if counts:
                    put_counts(self._shelf, self._recipe, self._snapshot, step, counts["before"], counts["after"])

    def _verdicts(self) -> dict[str, int]:
        totals = dict.fromkeys(OUTCOMES, 0)
        for _, counts, counted in self._map(
            "verdicts", WriteVerdicts(self._shelf.url, self._recipe.spec, self._recipe.id, self._snapshot)
        ):
            for outcome, number in counts.items():
                totals[outcome] += number
            counted(sum(counts.values()))
        return totals

    def _map(self, what: str, work: Work) -> Iterator[tuple[str, Any, Callable[[int], None]]]:
        """Yield each shard with its answer, and what counts its samples, as one step of the run's record."""
        with self._record.step(what) as counted:
            answers = self._engine.map(work, self._shards)
            for shard, answer in self._progress(what, self._shards, answers) if self._progress else answers:
                yield shard, answer, counted
