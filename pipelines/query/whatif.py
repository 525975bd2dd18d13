"""What-if: what a changed threshold would keep, from the notes that are there; no annotator runs."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from filters.scores import Above, AtLeast, AtMost, Below, Between, OfOneNote
from pipelines.engines.local import Local
from pipelines.recipes.recipe import FACTS, Annotate, Keep, Recipe
from pipelines.run.decide import Round, gather, names_of
from pipelines.run.decisions import Decided
from pipelines.run.facts import Facts
from pipelines.run.judge import KEPT, UNKNOWN, judge
from pipelines.run.scratch import Scratch
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

_CONDITION = re.compile(
    r"\s*([a-z_][a-z0-9_]*)\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*", re.IGNORECASE
)
_FIELD = re.compile(r"\s*([a-z_][a-z0-9_()]*)\.([a-z_][a-z0-9_]*)\s*=\s*(.+?)\s*", re.IGNORECASE)
_FLOORS, _CEILINGS = (Above, AtLeast), (Below, AtMost)
_FILTERS: dict[str, type[Above | AtLeast | Below | AtMost]] = {">": Above, ">=": AtLeast, "<": Below, "<=": AtMost}
_NUMBERS = ("bool", "uint32", "uint64", "float64")
CAP_BYTES = 8 << 30
_COUNTS = ("size_bytes", "images", "videos", "texts")


class WhatIf(Struct, frozen=True):
    """Three sums, what moved between them, and how the changed step was read."""

    change: str
    kept_now: int
    would_be_kept: int
    not_known: int
    gained: int
    lost: int
    waiting_for: dict[str, int]
    gained_keys: tuple[str, ...]
    lost_keys: tuple[str, ...]


def what_if(shelf: Shelf, recipe: Recipe, said: str, show: int = 5) -> WhatIf:
    """Judge the whole shelf again with one step changed; corpus steps are decided again.

    `said`: a condition on a note (`clip_score >= 0.28`), which takes the place of the filter that bounds that note on
    the same side, or is put behind the annotator that writes it; or a filter's field (`near_dedup.radius = 2`). A
    sample that is not known may, once it is, be kept, or be the better copy of one that is. Raises BadInput.
    """
    changed, change = change_recipe(recipe, said)
    shards = shelf.need_shards()
    now, then = _decided(shelf, recipe, shards), _decided(shelf, changed, shards)
    kept_now = would_be_kept = not_known = 0
    waiting: Counter[str] = Counter()
    gained, lost = list[str](), list[str]()
    gains = losses = 0
    for shard in shards:
        facts, facts_then = (Facts(shelf, one, shard, one.judged) for one in (recipe, changed))
        rows = np.arange(facts.count)
        old = judge(recipe, facts, now.of(shard), rows, len(recipe.steps))
        new = judge(changed, facts_then, then.of(shard), rows, len(changed.steps))
        was, will, unknown = old.outcome == KEPT, new.outcome == KEPT, new.outcome == UNKNOWN
        kept_now, would_be_kept = kept_now + int(was.sum()), would_be_kept + int(will.sum())
        not_known += int(unknown.sum())
        waiting.update(changed.step_name(step) for step in new.step[unknown].tolist())
        gains, losses = gains + int((will & ~was).sum()), losses + int((was & ~will & ~unknown).sum())
        gained += [facts.key(row) for row in np.flatnonzero(will & ~was).tolist()][: show - len(gained)]
        lost += [facts.key(row) for row in np.flatnonzero(was & ~will & ~unknown).tolist()][: show - len(lost)]
    return WhatIf(change, kept_now, would_be_kept, not_known, gains, losses, dict(waiting), tuple(gained), tuple(lost))


def _decided(shelf: Shelf, recipe: Recipe, shards: list[str]) -> Decided:
    decided = Decided(shards)
    for steps in recipe.rounds():
        with tempfile.TemporaryDirectory(prefix="ostraka-") as folder:
            scratch, living = Scratch(folder), dict[str, int]()
            for shard in shards:
                facts = Facts(shelf, recipe, shard, recipe.asked)
                judged = judge(recipe, facts, decided.of(shard), np.arange(facts.count), steps.start)
                living[shard] = gather(scratch, facts, names_of(recipe, steps), judged)
            deciding = Round(recipe, scratch, living, Local(1), CAP_BYTES)
            for step in steps:
                decision, _ = deciding.decide(step)
                decided.add(step, decision)
    return decided


def change_recipe(recipe: Recipe, said: str) -> tuple[Recipe, str]:
    """Return the recipe with one step changed or added, and a sentence that says so."""
    if found := _CONDITION.fullmatch(said):
        return _with_condition(recipe, found[1], found[2], float(found[3]))
    if found := _FIELD.fullmatch(said):
        return _with_field(recipe, found[1], found[2], found[3])
    raise BadInput(
        f"{said!r} is neither a condition nor a field",
        remedy="say 'clip_score >= 0.28' (a note), or 'near_dedup.radius = 2' (a filter's field)",
    )


def _with_condition(recipe: Recipe, note: str, sign: str, threshold: float) -> tuple[Recipe, str]:
    kinds = {name.name: name.kind for _, a in recipe.annotators() for name in a.writes}
    numbers = [
        *(name for name, kind in kinds.items() if kind in _NUMBERS),
        *(fact for fact in FACTS if fact in _COUNTS),
    ]
    if note not in numbers:
        what = f"{note} is not one number" if note in (*kinds, *FACTS) else f"recipe {recipe.name} has no note {note!r}"
        raise BadInput(what, remedy=f"a condition may be on {', '.join(numbers)}")
    condition, steps = Keep(_FILTERS[sign](note, threshold)), list(recipe.steps)
    side = _FLOORS if sign[0] == ">" else _CEILINGS
    for place, step in enumerate(steps):
        judging = step.filter if isinstance(step, Keep) else None
        if not isinstance(judging, OfOneNote) or judging.note != note:
            continue
        if isinstance(judging, Between):
            raise BadInput(f"{judging.name} bounds {note} on both sides", remedy=f"say '{judging.name}.low = ...'")
        if isinstance(judging, side):
            steps[place] = condition
            return Recipe(recipe.name, *steps), f"step {place} {judging.name} becomes {note} {sign} {threshold:g}"
    place = recipe.writer[note] + 1 if note in recipe.writer else 0
    steps.insert(place, condition)
    return Recipe(recipe.name, *steps), f"{note} {sign} {threshold:g} is asked as a new step {place}"


def _with_field(recipe: Recipe, name: str, field: str, value: str) -> tuple[Recipe, str]:
    steps: list[Annotate | Keep] = list(recipe.steps)
    for place, step in enumerate(steps):
        if isinstance(step, Keep) and step.filter.name == name:
            if field not in step.filter.__struct_fields__:
                fields = ", ".join(step.filter.__struct_fields__) or "none"
                raise BadInput(f"{name} has no field {field!r}", remedy=f"its fields: {fields}")
            values: dict[str, Any] = {**msgspec.structs.asdict(step.filter), field: _parsed(value)}
            try:
                steps[place] = Keep(msgspec.convert(values, type(step.filter)))
            except (msgspec.ValidationError, ValueError) as error:
                raise BadInput(f"{name}.{field} cannot be {value!r}: {error}") from None
            return Recipe(recipe.name, *steps), f"step {place} {name} gets {field} = {value}"
    names = ", ".join(dict.fromkeys(step.filter.name for step in steps if isinstance(step, Keep)))
    raise BadInput(f"recipe {recipe.name} has no filter {name!r}", remedy=f"it has {names}")


def _parsed(value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
