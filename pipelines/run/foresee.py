"""Foreseeing a run: how many samples wait for each annotator, and what it may at most spend on them.

Nothing is looked at and nothing is asked. A sample that an earlier step has not decided yet may still reach a later
annotator, so it counts there too: after `caption-light` has run, what is left to rewrite is hardly overstated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from msgspec import Struct

from pipelines.engines.engine import Engine
from pipelines.recipes.recipe import Recipe, Spec
from pipelines.run.decisions import decision_path, stored_decisions
from pipelines.run.facts import Facts
from pipelines.run.judge import UNKNOWN, Decisions, Losses, judge
from pipelines.shelf.shelf import Shelf


class Waiting(Struct, frozen=True):
    """Samples that wait for an annotator at most, and what it may at most spend, by the names of its counts."""

    annotator: str
    samples: int
    spent: dict[str, int]


class ForeseeShard(Struct, frozen=True):
    """Work: count, for each annotator of a recipe, who waits in a shard; `decided` are the barriers that are known."""

    shelf_url: str
    spec: Spec
    snapshot: str
    decided: tuple[int, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], list[Waiting]]]:
        """Open the decisions and yield what counts in one shard."""
        recipe, shelf = self.spec.build(), Shelf(self.shelf_url)
        nobody = {place: _nobody() for place in recipe.barriers() if place not in self.decided}
        with stored_decisions(shelf, recipe, self.snapshot, self.decided) as stored:
            yield lambda shard: _waiting(recipe, shelf, shard, {**stored.of(shard), **nobody})


def foresee(shelf: Shelf, recipe: Recipe, engine: Engine) -> list[Waiting]:
    """Return what waits for each annotator of a recipe, in its order; raises BadInput as a run does."""
    shards, snapshot = shelf.need_shards(), shelf.snapshot()
    paths = {place: decision_path(shelf, recipe, snapshot, place) for place in recipe.barriers()}
    decided = tuple(place for place, path in paths.items() if shelf.fs.isfile(path))
    names = [recipe.ids[place] for place, _ in recipe.annotators()]
    samples, spent = Counter[str](), {name: Counter[str]() for name in names}
    for _, found in engine.map(ForeseeShard(shelf.url, recipe.spec, snapshot, decided), shards):
        for one in found:
            samples[one.annotator] += one.samples
            spent[one.annotator].update(one.spent)
    return [Waiting(name, samples[name], dict(spent[name])) for name in names]


def _waiting(recipe: Recipe, shelf: Shelf, shard: str, decisions: Decisions) -> list[Waiting]:
    facts, found = Facts(shelf, recipe, shard, recipe.asked), list[Waiting]()
    rows = np.arange(facts.count)
    for place, annotator in recipe.annotators():
        judged = judge(recipe, facts, decisions, rows, place + 1)
        waiting = rows[(judged.outcome == UNKNOWN) & ~facts.notes[place].noted & ~facts.notes[place].failed].tolist()
        spent = Counter[str]()
        for sample, _, _ in facts.samples(waiting) if waiting else ():
            spent.update(annotator.foresee(sample))
        found.append(Waiting(recipe.ids[place], len(waiting), dict(spent)))
    return found


def _nobody() -> Losses:
    """Return a decision by which nobody lost."""
    rows = np.zeros(0, np.int64)
    return Losses(rows, (), rows.astype(np.int16), rows.astype(np.float64), rows.astype("S16"), rows.astype(np.bool_))
