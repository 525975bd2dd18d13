"""The report on difficulty: how often tasks were answered right, by domain, and how that is spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from pipelines.query.choose import load_recipe
from pipelines.run.by_people import told
from pipelines.shelf.in_duckdb import connected, shard_of, tables
from pipelines.shelf.people import People
from pipelines.shelf.shelf import Shelf
from pipelines.tasks.difficulty import difficulty as tier
from pipelines.tasks.difficulty import pass_at
from pipelines.tasks.graded import Graded
from schemas.errors import BadInput
from schemas.task import DIFFICULTIES
from schemas.vocabulary import PERSON_DIFFICULTY

BINS = 10


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

    pass@k is over the tasks with `k` answers or more. Raises BadInput where the recipe grades nothing.
    """
    recipe = load_recipe(shelf, recipe_id)
    graded = next((recipe.ids[place] for place, one in recipe.annotators() if isinstance(one, Graded)), "")
    if not graded or graded not in shelf.folders("notes"):
        raise BadInput(f"{recipe_id} grades nothing", where=shelf.url, remedy="run one that does: `ostraka run cot`")
    with connected(shelf) as db:
        rows = db.execute(
            f"SELECT task_domain, answered, right_answers, difficulty, grades, {shard_of('filename', piece=True)}, row "
            f"FROM {tables(shelf, 'notes', graded)} "
            "WHERE failed = '' ORDER BY task_domain, answered, right_answers, filename, row"
        ).fetchall()
    rows = _graded_by_people(shelf, rows)
    return [
        _spread(name, [row for row in rows if row[0] == name], ks) for name in dict.fromkeys(row[0] for row in rows)
    ]


def _graded_by_people(shelf: Shelf, rows: Sequence[Any]) -> list[Any]:
    """Return rows with the tiers that people's grades of their tasks make."""
    people, shards = People(shelf), {row[5] for row in rows}
    grades = {shard: told(people.words(shard), PERSON_DIFFICULTY.name) for shard in shards} if people.desks else {}
    return [
        (*row[:3], tier(row[2] / row[1], DIFFICULTIES[int(str(grade)) - 1]), *row[4:]) if grade else row
        for row in rows
        for grade in (grades.get(row[5], {}).get(row[6]),)
    ]


def _spread(domain: str, rows: Sequence[Any], ks: Sequence[int]) -> Spread:
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
