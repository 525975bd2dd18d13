"""The plan of an export: which rows of which catalogue shards make each of its shards, and what was counted meanwhile.

One map over the shards' columns; what is held is one range per export shard and catalogue shard, never a sample, and
the answers that came before their turn, 12 bytes a sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.export.choose import Rule
from pipelines.export.cut import Cutter, Planned
from pipelines.export.groups import Holding, tied
from pipelines.export.manifest import About, Counts
from pipelines.export.tally import Tally, TallyShard
from pipelines.run.funnel import stages
from pipelines.run.stored import stored_recipe
from pipelines.shelf.shelf import Shelf

FEW_SHARDS = 64
"""So many are planned here, in a second or three: workers take as long to start."""

Progress = Callable[[str, Sequence[str], Any], Any]


class Plan(About, frozen=True, kw_only=True):
    """The plan: about the export, its shards in the order of their paths, and the groups that are tied; of a mix, the
    plans of its parts."""

    tied: dict[str, str]
    shards: tuple[Planned, ...]
    parts: tuple[Plan, ...] = ()


class Request(Struct, frozen=True):
    """What an export is asked to be, before anything is counted."""

    name: str
    recipe: str
    snapshot: str
    inputs: str
    options: dict[str, Any]
    rows: int
    mib: int


class Outlook(Struct, frozen=True):
    """What an export would be: its plan, and its samples and their bytes of pictures, videos and texts, by folder."""

    plan: Plan
    samples: dict[str, int]
    size_bytes: dict[str, int]


def plan(
    shelf: Shelf, request: Request, rule: Rule, engine: Engine | None = None, progress: Progress | None = None
) -> Plan:
    """Choose every sample, cut them into shards, and count."""
    return outlook(shelf, request, rule, engine, progress).plan


def outlook(
    shelf: Shelf,
    request: Request,
    rule: Rule,
    engine: Engine | None = None,
    progress: Progress | None = None,
    ties: dict[str, str] | None = None,
) -> Outlook:
    """Make the plan of an export, and say what it comes to; `ties`: the groups that are tied, where that is known."""
    recipe, shards = stored_recipe(shelf, request.recipe), shelf.need_shards()
    engine = engine if engine and len(shards) > FEW_SHARDS else Local()
    if ties is None:
        ties = tied([Holding(shelf, request.recipe, rule)], engine) if rule.splits else {}
    rule = structs.replace(rule, tied=ties)
    whole, cutter = Tally(), Cutter(request.rows, request.mib)
    samples, size_bytes = Counter[str](), Counter[str]()
    answers = engine.map(TallyShard(shelf.url, request.recipe, rule), shards)
    for shard, tally in _in_order(shards, progress("plan", shards, answers) if progress else answers):
        whole.add(tally)
        for folder, rows, sizes in tally.samples():
            cutter.add(f"{folder}/{request.name}", shard, rows, sizes)
            samples[folder] += len(rows)
            size_bytes[folder] += int(sizes.sum())
    return Outlook(
        Plan(
            name=request.name,
            recipe=request.recipe,
            snapshot=request.snapshot,
            inputs=request.inputs,
            options={
                **request.options,
                "exclude_unmatched": request.options["exclude_entries"] - len(whole.opt_outs),
            },
            counts=Counts(
                samples.total() + whole.left_out.total(), samples.total(), dict(sorted(whole.left_out.items()))
            ),
            funnel=tuple(stages(recipe.names, whole.ends)),
            licences=dict(sorted(whole.licences.items())),
            datasets=dict(sorted(whole.datasets.items())),
            steps=recipe.values(),
            tied=rule.tied,
            shards=cutter.shards(),
        ),
        dict(samples),
        dict(size_bytes),
    )


def _in_order(shards: Sequence[str], answers: Iterable[tuple[str, Tally]]) -> Iterator[tuple[str, Tally]]:
    """Yield answers in the order of their shards; those that came before their turn wait."""
    waiting, turn = dict[str, Tally](), iter(shards)
    expected = next(turn, None)
    for shard, answer in answers:
        waiting[shard] = answer
        while expected in waiting:
            yield expected, waiting.pop(expected)
            expected = next(turn, None)
