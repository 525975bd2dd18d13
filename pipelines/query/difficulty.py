"""The report on difficulty: how often tasks were answered right, by domain, and how that is spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from pipelines.query.choose import load_recipe
from pipelines.recipes.recipe import Recipe
from pipelines.run.facts import Facts
from pipelines.shelf.pieces import is_noted
from pipelines.shelf.shelf import Shelf
from pipelines.tasks.graded import Graded
from schemas.difficulty import pass_at
from schemas.errors import BadInput
from schemas.task import DIFFICULTIES

BINS = 10
_TOLD = ("task_domain", "answered", "right_answers", "difficulty", "grades")
_Row = tuple[str, int, int, str, list[str]]


class Spread(Struct, frozen=True):
    """Tasks of one domain: how many, their answers, the mean pass rate and pass@k by k, the tasks by tenth of the pass
    rate (the last one with 1 in it) and by tier, and the answers by the reason of their grade."""

    domain: str
    tasks: int
    answers: int
    pass_rate: float
    pass_at: dict[int, float]
    by_tenth: tuple[int, ...]
    tiers: dict[str, int]
    grades: dict[str, int]


def spread(shelf: Shelf, recipe_id: str, ks: Sequence[int] = (1, 4, 8)) -> list[Spread]:
    """Return the spread of every domain that a recipe graded, by name.

    pass@k is over the tasks with `k` answers or more. Tiers are those that filters read, people's word included. Raises
    BadInput where the recipe grades nothing.
    """
    recipe = load_recipe(shelf, recipe_id)
    graded_in(shelf, recipe)
    rows = sorted(
        (row for shard in shelf.need_shards() for row in _rows(shelf, recipe, shard)), key=lambda row: row[:3]
    )
    return [
        _spread(name, [row for row in rows if row[0] == name], ks) for name in dict.fromkeys(row[0] for row in rows)
    ]


def _rows(shelf: Shelf, recipe: Recipe, shard: str) -> Iterator[_Row]:
    """Yield what is told of each task of a shard that was graded."""
    facts = Facts(shelf, recipe, shard, asked=_TOLD)
    notes = facts.notes[recipe.writer[_TOLD[0]]]
    rows = np.flatnonzero(notes.noted & ~notes.failed)
    told = facts.columns(_TOLD, rows)
    for place in range(told.count):
        row = told.row(place)
        yield row["task_domain"], row["answered"], row["right_answers"], row["difficulty"], row["grades"]


def graded_in(shelf: Shelf, recipe: Recipe) -> str:
    """Return the fingerprint under which a recipe's grades lie; raises BadInput where it grades nothing."""
    graded = next((recipe.ids[place] for place, one in recipe.annotators() if isinstance(one, Graded)), "")
    if not graded:
        raise BadInput(f"{recipe.id} grades nothing", where=shelf.url, remedy="run one that does: `ostraka run cot`")
    if not is_noted(shelf, graded):
        remedy = f"`ostraka funnel --recipe {recipe.id}` says where they ended"
        raise BadInput(f"no sample came as far as {graded}, which grades", where=shelf.url, remedy=remedy)
    return graded


def _spread(domain: str, rows: Sequence[_Row], ks: Sequence[int]) -> Spread:
    answered, right = (np.array([row[at] for row in rows]) for at in (1, 2))
    rates = right / answered
    bins = np.bincount(np.minimum((rates * BINS).astype(int), BINS - 1), minlength=BINS)
    chances = {k: [pass_at(k, int(n), int(c)) for n, c in zip(answered, right, strict=True) if n >= k] for k in ks}
    grades = [grade for row in rows for grade in row[4]]
    return Spread(
        domain,
        len(rows),
        int(answered.sum()),
        float(rates.mean()),
        {k: float(np.mean(found)) for k, found in chances.items() if found},
        tuple(bins.tolist()),
        {tier: count for tier in DIFFICULTIES if (count := sum(row[3] == tier for row in rows))},
        {grade: grades.count(grade) for grade in sorted(set(grades))},
    )
