"""Answers: what models answered right to the tasks that a recipe kept, each a dialogue with its task as its parent.

A verifier pays only a response in strict form, so what is taken has its tags and its one box. A share of the answers
may come again without their thinking, asked with `/nothink`: the answer of a thinking example is the best one for a
model that does not think (paper section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, json

from filters.verifiers.form import parted
from pipelines.ingest.parents import Parent, parents
from pipelines.ingest.row import Row
from pipelines.record.record import read_records
from pipelines.run.stored import stored_recipe
from pipelines.shelf.notes import read_pieces
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.draw import fraction
from schemas.errors import BadInput
from schemas.taken import Taken
from schemas.task import posed_of

NO_THINK = "/nothink"
CUT_OFF = "length"


class Answers(Struct, frozen=True):
    """At most `most` answers of each task that the recipe kept, those of equal text once, in an order drawn by the
    task's key; `no_think` of them come again without their thinking. `recipe`: by default the one that ran last.
    `round` is written beside each, for rounds that meet on one shelf. Rollouts are tasks asked again.
    """

    url: str
    recipe: str = ""
    most: int = 1
    no_think: float = 0.0
    round: int = 0
    is_here: bool = False

    def rows(self) -> Iterator[Row]:
        """Yield the rows; raises BadInput where no recipe that grades ran to its end on the shelf."""
        shelf = Shelf(self.url)
        recipe = _graded(shelf, self.recipe)
        answered: dict[str, _Answered] = {}
        shard = ""
        for parent in parents(shelf, is_here=self.is_here, made=True):
            if parent.shard != shard:
                shard, answered = parent.shard, _of_shard(shelf, recipe, parent.shard)
            if parent.sample.key in answered:
                yield from self._of(parent, recipe, answered[parent.sample.key])

    def _of(self, parent: Parent, recipe: str, answered: _Answered) -> Iterator[Row]:
        task, seen, key = posed_of(parent.sample.source.meta).task, set[str](), parent.sample.key
        for place in sorted(answered.right(), key=lambda place: fraction(f"{key}/{place}", "answers")):
            said = parted(answered.responses[place], task.parameters.thinking)
            if len(seen) == self.most or said.segment.strip() + said.thinking.strip() in seen:
                continue
            seen.add(said.segment.strip() + said.thinking.strip())
            asked = [(text.role, text.text) for text in parent.sample.texts]
            skill, by = task.skill or task.domain, answered.by[place] if answered.by else ""
            taken = Taken(recipe, place, answered.pass_rate, skill, by, self.round)
            meta = json.encode(taken).decode()
            think = [("think", said.thinking.strip())] if said.thinking.strip() else []
            answer = ("assistant", said.segment.strip())
            yield parent.child(f"answer-{place}", (*asked, *think, answer), parent.texts_before, meta)
            if think and fraction(f"{key}/{place}", "no-think") < self.no_think:
                quiet = (*asked[:-1], (asked[-1][0], f"{asked[-1][1]}{NO_THINK}"), answer)
                yield parent.child(f"answer-{place}-no-think", quiet, parent.texts_before, meta)


class _Answered(Struct, frozen=True):
    responses: list[str]
    finish: list[str]
    by: list[str]
    rewards: list[float]
    pass_rate: float

    def right(self) -> list[int]:
        """Return the numbers of the responses that earn all of the reward and came to their end."""
        ended = zip(self.rewards, self.finish, strict=True)
        return [place for place, (reward, finish) in enumerate(ended) if reward == 1 and finish != CUT_OFF]


def _graded(shelf: Shelf, asked: str) -> str:
    """Return the recipe of the last run that grades."""
    last = ""
    for run in read_records(shelf):
        recipe = str(run.config.get("recipe", ""))
        if run.verb == "run" and run.status == "done" and asked in ("", recipe, recipe.split("@", maxsplit=1)[0]):
            last = recipe if _id_of(shelf, recipe, "graded") else last
    if not last:
        remedy = "run one to its end: `ostraka run cot`"
        raise BadInput("no recipe that grades answers ran on this shelf", where=shelf.url, remedy=remedy)
    return last


def _id_of(shelf: Shelf, recipe: str, *names: str) -> str:
    """Return the fingerprint of a recipe's annotator of one of these names, empty where it has none."""
    ids = stored_recipe(shelf, recipe).annotator_ids()
    return next((one for one in ids if one.split("@")[0] in names), "")


def _of_shard(shelf: Shelf, recipe: str, shard: str) -> dict[str, _Answered]:
    """Return what was answered to the tasks of a shard that the recipe kept, by their keys."""
    verdicts = read_table(shelf.fs, shelf.path("verdicts", recipe, f"{shard}.parquet")).to_pydict()
    kept = {row for row, outcome in zip(verdicts["row"], verdicts["outcome"], strict=True) if outcome == "kept"}
    told = ["responses", "response_finish", "response_by"]
    said = _notes(shelf, _id_of(shelf, recipe, "respond", "toldresponses"), shard, told)
    graded = _notes(shelf, _id_of(shelf, recipe, "graded"), shard, ["rewards", "pass_rate"])
    keys = shelf.catalog(shard, ["key"])["key"].to_pylist()
    return {keys[row].hex: _Answered(*said[row], *graded[row]) for row in sorted(kept)}


def _notes(shelf: Shelf, annotator_id: str, shard: str, names: list[str]) -> dict[int, tuple[Any, ...]]:
    found: dict[int, tuple[Any, ...]] = {}
    for _, piece in read_pieces(shelf, annotator_id, shard, columns=["row", "failed", *names]):
        told = piece.to_pydict()
        columns = [told.get(name) or [()] * len(piece) for name in ("row", "failed", *names)]
        for row, failed, *values in zip(*columns, strict=True):
            if not failed:
                found[row] = tuple(values)
    return found
