"""Tally: what one catalogue shard adds to the plan of an export, counted over its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from msgspec import Struct, field
from numpy.typing import NDArray

from pipelines.export.choose import WHY, Choosing, Kept, Rule
from pipelines.run.funnel import End, end_of
from pipelines.shelf.shelf import Shelf

_END = ("step", "decided_by", "outcome", "reason")


class Tally(Struct):
    """Counts of a shard: where each sample's way ended, why kept ones stay behind, licences and datasets of those that
    leave, the opt-outs that name any; and, by folder, the rows that leave (uint32) and their bytes (uint64)."""

    ends: Counter[End] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    datasets: Counter[str] = field(default_factory=Counter)
    opt_outs: set[str] = field(default_factory=set)
    folders: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add another shard's counts."""
        self.ends.update(other.ends)
        self.left_out.update(other.left_out)
        self.licences.update(other.licences)
        self.datasets.update(other.datasets)
        self.opt_outs |= other.opt_outs

    def samples(self) -> Iterator[tuple[str, NDArray[np.uint32], NDArray[np.uint64]]]:
        """Yield each folder with the rows that leave for it, ascending, and their bytes."""
        for folder, (rows, size_bytes) in self.folders.items():
            yield folder, np.frombuffer(rows, "<u4"), np.frombuffer(size_bytes, "<u8")


class TallyShard(Struct, frozen=True):
    """Work: choose among a shard's samples, and count."""

    shelf_url: str
    recipe_id: str
    rule: Rule

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Tally]]:
        """Yield what tallies one shard."""
        choosing = Choosing(Shelf(self.shelf_url), self.recipe_id, self.rule)
        yield lambda shard: _tally(choosing, shard)


def _tally(choosing: Choosing, shard: str) -> Tally:
    tally, pieces = Tally(_ends(choosing.verdicts(shard, [*_END]))), dict[str, list[tuple[bytes, bytes]]]()
    for kept in choosing.choose(shard):
        why = np.bincount(kept.why, minlength=len(WHY)).tolist()
        tally.left_out.update({reason: count for reason, count in zip(WHY, why, strict=True) if reason and count})
        tally.opt_outs |= kept.opt_outs
        leaving = kept.leaving()
        tally.licences.update(_counts(leaving.catalog["licence"]))
        tally.datasets.update(_counts(leaving.catalog["dataset"]))
        for folder, samples in _by_folder(choosing, leaving):
            pieces.setdefault(folder, []).append(samples)
    for folder, found in pieces.items():
        tally.folders[folder] = b"".join(rows for rows, _ in found), b"".join(size_bytes for _, size_bytes in found)
    return tally


def _by_folder(choosing: Choosing, leaving: Kept) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    folders, names = choosing.folders(leaving)
    rows, size_bytes = leaving.rows.astype("<u4"), leaving.parts.size_bytes().astype("<u8")
    for place, name in enumerate(names):
        here = folders == place
        yield name, (rows[here].tobytes(), size_bytes[here].tobytes())


def _ends(verdicts: pa.Table) -> Counter[End]:
    grouped = verdicts.group_by([*_END], use_threads=False).aggregate([([], "count_all")])
    columns = (grouped[name].to_pylist() for name in (*_END, "count_all"))
    found = Counter[End]()
    for step, decided_by, outcome, reason, count in zip(*columns, strict=True):
        found[end_of(step, decided_by, outcome, reason)] += count
    return found


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    counted = column.value_counts()
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
