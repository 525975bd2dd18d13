"""The plan of an export: which rows of which catalogue shards make each of its shards, and what was counted meanwhile.

One pass over columns; what is held is one range per export shard and catalogue shard, never a sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, structs

from pipelines.export.choose import Choosing, Rule, media_bytes
from pipelines.export.groups import tied
from pipelines.export.manifest import About, Counts
from pipelines.export.recipe import stored_recipe
from pipelines.funnel import End, end_of, stages
from pipelines.shelf import Shelf, shard_name


class Span(Struct, frozen=True, array_like=True):
    """Rows [first, end) of a catalogue shard or of another export's shard: those of them that belong to the folder."""

    shard: str
    first: int
    end: int


class Planned(Struct, frozen=True):
    """A shard to be: its path without suffix, how many samples it will hold, and where they come from."""

    path: str
    samples: int
    spans: tuple[Span, ...]

    @property
    def folder(self) -> str:
        return self.path.rsplit("/", 1)[0]


class Plan(About, frozen=True, kw_only=True):
    """The plan: about the export, its shards in the order of their paths, and the groups that are tied."""

    tied: dict[str, str]
    shards: tuple[Planned, ...]


class Cutter:
    """Cuts the samples of each folder into shards, as they come."""

    def __init__(self, name: str, rows: int, mib: int) -> None:
        self._name, self._rows, self._limit_bytes = name, rows, mib << 20
        self._done: dict[str, list[Planned]] = {}
        self._open: dict[str, _Filling] = {}

    def add(self, folder: str, shard: str, row: int, size_bytes: int) -> None:
        """Put a sample into its folder's open shard, or begin the next one."""
        filling = self._open.get(folder)
        if filling and (filling.samples >= self._rows or filling.size_bytes + size_bytes > self._limit_bytes):
            self._close(folder)
            filling = None
        if filling is None:
            filling = self._open[folder] = _Filling()
        filling.add(shard, row, size_bytes)

    def _close(self, folder: str) -> None:
        filling, done = self._open.pop(folder), self._done.setdefault(folder, [])
        path = f"{folder}/{self._name}-{shard_name(len(done))}"
        done.append(Planned(path, filling.samples, tuple(Span(*span) for span in filling.spans)))

    def shards(self) -> tuple[Planned, ...]:
        """End every folder's last shard and return them all, in the order of their paths."""
        for folder in list(self._open):
            self._close(folder)
        return tuple(planned for folder in sorted(self._done) for planned in self._done[folder])


class _Filling:
    """A shard that is being filled."""

    def __init__(self) -> None:
        self.samples, self.size_bytes = 0, 0
        self.spans: list[tuple[str, int, int]] = []

    def add(self, shard: str, row: int, size_bytes: int) -> None:
        self.samples += 1
        self.size_bytes += size_bytes
        if self.spans and self.spans[-1][0] == shard:
            self.spans[-1] = shard, self.spans[-1][1], row + 1
        else:
            self.spans.append((shard, row, row + 1))


class Request(Struct, frozen=True):
    """What an export is asked to be, before anything is counted."""

    name: str
    recipe: str
    snapshot: str
    inputs: str
    options: dict[str, Any]
    rows: int
    mib: int


def plan(shelf: Shelf, request: Request, rule: Rule) -> Plan:
    """Choose every sample, cut them into shards, and count."""
    recipe = stored_recipe(shelf, request.recipe)
    rule = structs.replace(rule, tied=_tied(shelf, request, rule) if rule.splits else {})
    choosing = Choosing(shelf, request.recipe, recipe.annotator_ids(), rule)
    cutter = Cutter(request.name, request.rows, request.mib)
    licences, datasets, left_out, ends = Counter[str](), Counter[str](), Counter[str](), Counter[End]()
    exported, matched = 0, set[str]()
    for shard in shelf.need_shards():
        ends.update(_ends(choosing, shard))
        for chosen in choosing.choose(shard):
            matched |= chosen.opt_outs
            if chosen.left_out:
                left_out[chosen.left_out] += 1
                continue
            sample, exported = chosen.exported, exported + 1
            licences[sample.source.licence] += 1
            datasets[sample.source.dataset] += 1
            cutter.add(chosen.folder, shard, chosen.row, media_bytes(sample))
    return Plan(
        name=request.name,
        recipe=request.recipe,
        snapshot=request.snapshot,
        inputs=request.inputs,
        options={**request.options, "exclude_unmatched": request.options["exclude_entries"] - len(matched)},
        counts=Counts(exported + left_out.total(), exported, dict(sorted(left_out.items()))),
        funnel=tuple(stages(recipe.names, ends)),
        licences=dict(sorted(licences.items())),
        datasets=dict(sorted(datasets.items())),
        steps=recipe.values(),
        tied=rule.tied,
        shards=cutter.shards(),
    )


def _tied(shelf: Shelf, request: Request, rule: Rule) -> dict[str, str]:
    choosing = Choosing(shelf, request.recipe, (), rule)
    chosen = (one for shard in shelf.need_shards() for one in choosing.choose(shard))
    return tied(one.exported for one in chosen if not one.left_out)


def _ends(choosing: Choosing, shard: str) -> Iterable[End]:
    """Return where each sample's way ended."""
    columns = choosing.verdicts(shard, ["step", "decided_by", "outcome", "reason"])
    return map(end_of, *(column.to_pylist() for column in columns.columns))
