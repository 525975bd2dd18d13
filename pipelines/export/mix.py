"""A mix: what several recipes kept, on one shelf or on several, becomes one export, each part with its weight.

A part is planned and written as an export of its own would be, into shards that bear its name, so a trainer that knows
no more than paths can tell the parts. Splits are drawn by ties over all of them together: a picture that two parts hold
lies on one side. A sample may stand in one part alone; where it stands in two, the mix is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, structs

from pipelines.engines.engine import Engine
from pipelines.export.choose import Rule
from pipelines.export.concepts import of_parts
from pipelines.export.export import Asked, Exported, ExportOptions, ask, exported_of, inputs_of, write_shards
from pipelines.export.finish import finish
from pipelines.export.folder import Folder, plan_json
from pipelines.export.groups import Holding, tied
from pipelines.export.kept_out import kept_out
from pipelines.export.manifest import FORMAT, PLAN, Counts, Manifest, Mixed
from pipelines.export.people import told_together
from pipelines.export.plan import Outlook, Plan, Progress, outlook
from pipelines.record.record import recorded
from pipelines.shelf.in_duckdb import connected, let_read, shard_of, tables
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

MIX = "mix"
_OPTION = re.compile(r"(?P<rest>.+),(?P<name>recipe|weight)=(?P<value>[^,]+)")
_FIRST_TOLD = 3


class Part(Struct, frozen=True):
    """A part of a mix: its name, which its shards bear, its shelf and recipe, and its weight, 0 where none is given."""

    name: str
    shelf: str
    recipe: str = ""
    weight: int = 0


def part_of(said: str) -> Part:
    """Read NAME=SHELF[,recipe=RECIPE][,weight=N]; raises BadInput where it is none."""
    name, separator, rest = said.partition("=")
    options = dict[str, str]()
    while found := _OPTION.fullmatch(rest):
        rest = found["rest"]
        options[found["name"]] = found["value"]
    weight = options.get("weight", "0")
    if not (name and separator and rest) or not weight.isdecimal() or (weight == "0" and "weight" in options):
        raise BadInput(
            f"--mix {said!r} is no part of a mix", remedy="give NAME=SHELF[,recipe=RECIPE][,weight=N], N from 1 on"
        )
    return Part(name, rest, options.get("recipe", ""), int(weight))


def export_mix(
    parts: Sequence[Part], name: str, to: str, engine: Engine, options: ExportOptions, progress: Progress | None = None
) -> Exported:
    """Write a mix to a folder; the same call again goes on. Raises what `export` raises, and BadInput where a sample
    stands in two parts or weights are given for some of them alone."""
    asked = _asked(parts, name, options)
    inputs = [(part.weight, inputs_of(one)) for part, one in zip(parts, asked, strict=True)]
    digest = sha256(msgspec.json.encode([FORMAT, MIX, name, inputs])).hexdigest()
    folder = Folder(to)
    with ExitStack() as stack:
        records = [
            stack.enter_context(recorded(one.shelf, "export", _config(name, folder, one, engine))) for one in asked
        ]
        found = folder.claim(digest, options.replace)
        if isinstance(found, Manifest):
            return exported_of(folder, found)
        planned = found or _plan(parts, asked, name, digest, engine, progress)[0]
        if found is None:
            folder.put(PLAN, plan_json(planned))
        files = []
        for one, plan, record in zip(asked, planned.parts, records, strict=True):
            written = write_shards(one, folder, plan, engine, progress)
            files += written
            record.count("samples", plan.counts.exported)
            record.count("shards", len(plan.shards))
        counted = of_parts([(part.name, one.counted) for part, one in zip(parts, asked, strict=True)])
        return exported_of(folder, finish(folder, planned, files, counted))


def dry_run_mix(
    parts: Sequence[Part], name: str, to: str, engine: Engine, options: ExportOptions, progress: Progress | None = None
) -> Exported:
    """Return what `export_mix` would write, without writing anything."""
    planned, looks = _plan(parts, _asked(parts, name, options), name, "", engine, progress)
    samples = Counter[str]()
    for look in looks:
        samples.update(look.samples)
    return Exported(
        Folder(to).url,
        planned.counts.kept,
        planned.counts.exported,
        planned.counts.left_out,
        dict(samples),
        sum(len(plan.shards) for plan in planned.parts),
        sum(sum(look.size_bytes.values()) for look in looks),
    )


def _asked(parts: Sequence[Part], name: str, options: ExportOptions) -> list[Asked]:
    names = [part.name for part in parts]
    if twice := [one for one in names if names.count(one) > 1]:
        raise BadInput(f"two parts are called {twice[0]}", where=f"mix {name}", remedy="give each a name of its own")
    if any(part.weight for part in parts) and not all(part.weight for part in parts):
        without = next(part.name for part in parts if not part.weight)
        raise BadInput(
            f"{without} has no weight and others have", where=f"mix {name}", remedy="give each a weight, or none"
        )
    asked = [ask(Shelf(part.shelf), part.name, structs.replace(options, recipe=part.recipe)) for part in parts]
    _need_once(parts, asked)
    return asked


def _plan(
    parts: Sequence[Part],
    asked: Sequence[Asked],
    name: str,
    digest: str,
    engine: Engine,
    progress: Progress | None,
) -> tuple[Plan, list[Outlook]]:
    rule: Rule = asked[0].rule
    ties = tied([Holding(one.shelf, one.request.recipe, one.rule) for one in asked], engine) if rule.splits else {}
    looks = [outlook(one.shelf, one.request, one.rule, engine, progress, ties) for one in asked]
    plans = tuple(look.plan for look in looks)
    mixed = tuple(
        Mixed(
            part.name,
            plan.recipe,
            plan.snapshot,
            part.weight,
            plan.counts,
            plan.funnel,
            plan.steps,
            benchmarks=kept_out(one.shelf, plan.recipe),
        )
        for part, one, plan in zip(parts, asked, plans, strict=True)
    )
    recipes = sha256(msgspec.json.encode([plan.recipe for plan in plans])).hexdigest()[:10]
    snapshots = sha256(msgspec.json.encode([plan.snapshot for plan in plans])).hexdigest()[:10]
    whole = Plan(
        name=name,
        recipe=f"{MIX}@{recipes}",
        snapshot=snapshots,
        inputs=digest,
        options=told_together([one.request.options for one in asked]),
        counts=Counts(
            sum(plan.counts.kept for plan in plans),
            sum(plan.counts.exported for plan in plans),
            _sum(plan.counts.left_out for plan in plans),
        ),
        funnel=(),
        licences=_sum(plan.licences for plan in plans),
        datasets=_sum(plan.datasets for plan in plans),
        mix=mixed,
        tied={},
        shards=(),
        parts=plans,
    )
    return whole, looks


def _sum(counts: Iterator[dict[str, int]]) -> dict[str, int]:
    whole = Counter[str]()
    for one in counts:
        whole.update(one)
    return dict(sorted(whole.items()))


def _need_once(parts: Sequence[Part], asked: Sequence[Asked]) -> None:
    """Raise BadInput where a sample that is kept stands in two parts."""
    kept = " UNION ALL ".join(
        f"SELECT key, {number} AS part FROM (SELECT key, row, {shard_of('filename')} AS shard "
        f"FROM {tables(one.shelf, 'catalog')}) JOIN (SELECT row, {shard_of('filename')} AS shard "
        f"FROM {tables(one.shelf, 'verdicts', one.request.recipe)} WHERE outcome = 'kept') USING (shard, row)"
        for number, one in enumerate(asked)
    )
    with connected(asked[0].shelf) as db:
        for one in asked:
            let_read(db, one.shelf.fs)
        found = db.execute(
            f"SELECT replace(CAST(key AS VARCHAR), '-', ''), list(part ORDER BY part) FROM ({kept}) GROUP BY key "
            f"HAVING count(*) > 1 ORDER BY 1 LIMIT {_FIRST_TOLD}"
        ).fetchall()
    if found:
        names = " and ".join(parts[number].name for number in found[0][1])
        raise BadInput(
            f"samples stand in several parts: {', '.join(key for key, _ in found)} in {names}",
            where="--mix",
            remedy="keep a sample in one part alone, or export the parts one by one and train on both",
        )


def _config(name: str, folder: Folder, asked: Asked, engine: Engine) -> dict[str, Any]:
    return {
        "name": name,
        "to": folder.url,
        "recipe": asked.request.recipe,
        "engine": msgspec.to_builtins(engine),
        "options": asked.request.options,
    }
