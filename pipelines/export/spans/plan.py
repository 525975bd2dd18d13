"""The plan of an export of spans: what was cut, by split and form, fills one shard after another.

Clips of one video lie on one side of a split, as do those of its copies, and clips of the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import Struct, structs
from numpy.typing import NDArray

from pipelines.export.choose import Rule, splits_of
from pipelines.export.cut import Cutter, Planned
from pipelines.export.folder import CLIPS, Folder
from pipelines.export.groups import ties_of
from pipelines.export.manifest import Counts, File
from pipelines.export.plan import Plan, Request
from pipelines.export.reshard import Copying
from pipelines.export.shard import write_shard
from pipelines.export.sidecar import sample_spans
from pipelines.export.spans.cut_shard import CutCounts, cut_path
from pipelines.shelf.media import MediaReader
from pipelines.shelf.table import read_table

_PLANNED = ("group", "form", "sha256", "offsets", "sizes", "licence", "dataset")
_FOLDER = ("key", "group", "form")


def plan_spans(
    folder: Folder, videos: Plan, request: Request, rule: Rule, shards: Sequence[str], counts: CutCounts
) -> Plan:
    """Return the plan of the spans that were cut; `videos` is the plan of the samples that they were cut out of."""
    rule = structs.replace(rule, tied=videos.tied)
    rule = structs.replace(rule, tied={**videos.tied, **_ties(folder, rule, shards)}) if rule.splits else rule
    cutter, licences, datasets = Cutter(request.rows, request.mib), Counter[str](), Counter[str]()
    for shard in shards:
        table = _cuts(folder, shard, _PLANNED)
        spans = sample_spans(table["offsets"].to_pylist(), table["sizes"].to_pylist())
        sizes = np.array([end - begin for begin, end in spans], np.int64)
        for name, rows in by_folder(table, rule):
            cutter.add(f"{name}/{request.name}", shard, rows, sizes[rows])
        licences.update(table["licence"].to_pylist())
        datasets.update(table["dataset"].to_pylist())
    told = {
        **videos.options["spans"],
        "samples": videos.counts.kept,
        "samples_left_out": videos.counts.left_out,
        "samples_without": counts.without,
    }
    kept = counts.spans + sum(counts.left_out.values())
    return structs.replace(
        videos,
        options={**videos.options, "spans": told},
        counts=Counts(kept, counts.spans, counts.left_out),
        licences=dict(sorted(licences.items())),
        datasets=dict(sorted(datasets.items())),
        tied=rule.tied,
        shards=cutter.shards(),
    )


def by_folder(table: pa.Table, rule: Rule) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield each folder that spans of a shard go to, and their rows, ascending."""
    splits, names = splits_of(table["group"].to_pylist(), rule)
    forms = table["form"].to_pylist()
    folders = np.array([f"{names[split]}/{form}" for split, form in zip(splits, forms, strict=True)], object)
    for name in sorted({*folders.tolist()}):
        yield name, np.flatnonzero(folders == name)


def _ties(folder: Folder, rule: Rule, shards: Sequence[str]) -> dict[str, str]:
    """Return the groups that clips of the same bytes tie together, by the names that they draw by."""

    def links() -> Iterator[pa.Table]:
        for shard in shards:
            table = _cuts(folder, shard, ("sha256", "group"))
            names = [rule.tied.get(group, group) for group in table["group"].to_pylist()]
            yield pa.table({"label": table["sha256"], "name": pa.array(names, pa.string())})

    found = ties_of(links(), lambda: [])
    return {**found, **{group: found.get(name, name) for group, name in rule.tied.items()}}


def _cuts(folder: Folder, shard: str, columns: Sequence[str]) -> pa.Table:
    return read_table(folder.fs, folder.path(cut_path(shard, "parquet")), columns)


class PutShard(Struct, frozen=True):
    """Work: put spans that were cut into one planned shard, unless it is done."""

    to: str
    rule: Rule
    planned: tuple[Planned, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], tuple[File, File]]]:
        """Yield what writes one shard."""
        target, cuts = Folder(self.to), Folder(f"{self.to}/{CLIPS}")
        by_path = {planned.path: planned for planned in self.planned}
        with closing(MediaReader()) as read:

            def put(path: str) -> tuple[File, File]:
                planned = by_path[path]

                def write(file: Any) -> Any:
                    return Copying(cuts, self._keys(target, planned), read).copy(planned, file)

                return write_shard(target, planned, write)

            yield put

    def _keys(self, target: Folder, planned: Planned) -> frozenset[str]:
        """Return the keys of the folder's samples in the shards that this one is made of."""
        found = set[str]()
        for span in planned.spans:
            table = _cuts(target, span.shard, _FOLDER)
            keys = table["key"].to_pylist()
            for name, rows in by_folder(table, self.rule):
                if name == planned.folder:
                    found.update(keys[row] for row in rows.tolist())
        return frozenset(found)
