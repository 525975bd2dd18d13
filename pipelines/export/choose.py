"""Choosing: which kept samples of a shard leave by this door, in which split and form, and which stay and why.

The same rule answers twice, over columns: when the export is planned, and in the worker that writes a shard. So a plan
holds ranges of rows alone, whatever the size of the corpus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Lists
from pipelines.export.opt_outs import NAMED_BY, read_opt_outs
from pipelines.export.parts import Parts
from pipelines.shelf.arrow_columns import to_numpy
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.draw import fraction
from schemas.errors import BadInput

BATCH = 2048
TRAIN = "train"
LICENCE, EXCLUDE, NOTHING_LEFT = "licence", "exclude", "nothing_left"
WHY = ("", EXCLUDE, LICENCE, NOTHING_LEFT)
"""Why a kept sample stays behind, by code; 0 says that it leaves. What comes earlier is said first."""


class Rule(Struct, frozen=True):
    """Who leaves: shares of samples by split, patterns of licences (none: all of them), where the opt-outs are,
    the groups that are tied to others, and the share of samples whose recaption stands for their caption."""

    splits: tuple[tuple[str, float], ...] = ()
    licences: tuple[str, ...] = ()
    exclude: str = ""
    exclude_sha256: str = ""
    tied: dict[str, str] = {}
    recaption_share: float = 0.0


class Kept(Struct, frozen=True):
    """Kept samples of a shard as columns: their rows in it, columns of the catalogue, the places of the parts that the
    recipe left out and the parts without them, and why each stays behind, a code of WHY.

    `opt_outs`: those that name any of the samples.
    """

    rows: NDArray[np.int64]
    catalog: pa.Table
    gone: Lists
    parts: Parts
    why: NDArray[np.int8]
    opt_outs: frozenset[str] = frozenset()

    def take(self, at: NDArray[np.int64]) -> Kept:
        """Return the samples at these places."""
        if len(at) == len(self.rows):
            return self
        catalog = self.catalog.take(pa.array(at))
        return Kept(self.rows[at], catalog, self.gone.take(at), self.parts.take(at), self.why[at], self.opt_outs)

    def leaving(self) -> Kept:
        """Return the samples that leave."""
        return self.take(np.flatnonzero(self.why == 0))

    def groups(self) -> list[str]:
        """Return what stays on one side of a split: the parent where there is one, else the first picture's digest, of
        a document that of all its parts."""
        parents = self.catalog["parent"].to_pylist()
        return [parent or name for parent, name in zip(parents, self.parts.names(), strict=True)]


class Choosing:
    """Chooses on one shelf under one recipe and one rule; `also` are columns of the catalogue that the caller reads."""

    def __init__(self, shelf: Shelf, recipe_id: str, rule: Rule, also: Sequence[str] = ()) -> None:
        self._shelf, self._recipe_id, self._rule = shelf, recipe_id, rule
        self._patterns = tuple(pattern.lower() for pattern in rule.licences)
        self._opt_outs, _ = read_opt_outs(rule.exclude, rule.exclude_sha256)
        split_by, named_by = ("parent",) if rule.splits else (), NAMED_BY if self._opt_outs.listed else ()
        self._columns = list(dict.fromkeys(("parts", "licence", "dataset", *split_by, *named_by, *also)))

    def choose(self, shard: str, rows: NDArray[np.int64] | None = None) -> Iterator[Kept]:
        """Yield the kept samples of a shard, or of these of its rows, in order, some at a time."""
        verdicts = self.verdicts(shard, ["outcome", "left_out"])
        kept = pc.equal(verdicts["outcome"], "kept").to_numpy()
        rows = np.flatnonzero(kept) if rows is None else rows[kept[rows]]
        if not len(rows):
            return
        catalog, left_out = self._shelf.catalog(shard, self._columns), to_numpy(verdicts["left_out"])
        assert isinstance(left_out, Lists)
        for begin in range(0, len(rows), BATCH):
            some = rows[begin : begin + BATCH]
            yield self._chosen(some, catalog.take(pa.array(some)), left_out.take(some))

    def _chosen(self, rows: NDArray[np.int64], catalog: pa.Table, gone: Lists) -> Kept:
        ingested = Parts.of(catalog["parts"].combine_chunks())
        parts = ingested.without(gone)
        why = np.where(parts.empty(), WHY.index(NOTHING_LEFT), 0).astype(np.int8)
        why[self._unlicensed(catalog["licence"])] = WHY.index(LICENCE)
        named, opt_outs = self._opt_outs.naming(catalog, ingested)
        why[named] = WHY.index(EXCLUDE)
        return Kept(rows, catalog, gone, parts, why, opt_outs)

    def _unlicensed(self, licences: pa.ChunkedArray) -> NDArray[np.bool_]:
        """Say of each licence whether it was not asked for."""
        if not self._patterns:
            return np.zeros(len(licences), np.bool_)
        coded = licences.combine_chunks().dictionary_encode()
        said = [one.lower() for one in coded.dictionary.to_pylist()]
        asked = np.array([any(fnmatchcase(one, pattern) for pattern in self._patterns) for one in said])
        unlicensed: NDArray[np.bool_] = ~asked[coded.indices.to_numpy()]
        return unlicensed

    def folders(self, leaving: Kept) -> tuple[NDArray[np.int64], list[str]]:
        """Return the folder of each sample, by its place among the folders that there are, and their names."""
        forms, form_names = leaving.parts.forms()
        splits, split_names = self._splits(leaving)
        there, folders = np.unique(splits * len(form_names) + forms, return_inverse=True)
        names = [(split_names[both // len(form_names)], form_names[both % len(form_names)]) for both in there.tolist()]
        return folders.astype(np.int64), [f"{split}/{form}" for split, form in names]

    def _splits(self, leaving: Kept) -> tuple[NDArray[np.int64], list[str]]:
        """Return each sample's split: copies of a picture, and the children of one parent, draw the same number."""
        return splits_of(leaving.groups() if self._rule.splits else [""] * len(leaving.rows), self._rule)

    def verdicts(self, shard: str, columns: list[str]) -> pa.Table:
        """Return columns of a shard's verdicts."""
        return read_table(self._shelf.fs, self.verdict_path(shard), columns)

    def verdict_path(self, shard: str) -> str:
        """Return where a shard's verdicts lie; raises BadInput where they are not there."""
        path = self._shelf.path("verdicts", self._recipe_id, f"{shard}.parquet")
        if not self._shelf.fs.isfile(path):
            raise BadInput(
                f"shard {shard} has no verdicts of {self._recipe_id}",
                where=self._shelf.url,
                remedy=f"run `ostraka run {self._recipe_id.split('@')[0]}` first",
            )
        return path


def splits_of(groups: Sequence[str], rule: Rule) -> tuple[NDArray[np.int64], list[str]]:
    """Return the split of each sample of a group, by its place among the splits that there are, and their names."""
    names = [*(name for name, _ in rule.splits), TRAIN]
    splits = np.full(len(groups), len(names) - 1)
    if not rule.splits:
        return splits, names
    drawn = np.array([fraction(rule.tied.get(group, group), "split") for group in groups])
    for place, (_, share) in enumerate(rule.splits):
        splits[(splits == len(names) - 1) & (drawn < share)] = place
        drawn -= share
    return splits, names
