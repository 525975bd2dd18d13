"""Kinds of samples in an export, counted from its sidecars: how many there are, and about how many tokens they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipelines.export.folder import Folder
from pipelines.export.manifest import File, OfKind, stem_of
from pipelines.shelf.table import read_table

Kinds = dict[str, OfKind]


def kinds_of(folder: Folder, files: Sequence[File]) -> dict[str, Kinds]:
    """Return the kinds of each name that shards bear."""
    found = dict[str, Kinds]()
    for path in sorted(file.path for file in files if file.samples and file.path.endswith(".parquet")):
        table = read_table(folder.fs, folder.path(path), ["kind", "estimated_tokens"])
        grouped = table.group_by("kind", use_threads=False).aggregate([([], "count_all"), ("estimated_tokens", "sum")])
        here = {row["kind"]: OfKind(row["count_all"], row["estimated_tokens_sum"]) for row in grouped.to_pylist()}
        found[stem_of(path)] = summed([found.get(stem_of(path), {}), here])
    return found


def summed(several: Iterable[Mapping[str, OfKind]]) -> Kinds:
    """Return the kinds of several together."""
    whole = dict[str, OfKind]()
    for one in several:
        for kind, of in one.items():
            before = whole.get(kind, OfKind(0, 0))
            whole[kind] = OfKind(before.samples + of.samples, before.estimated_tokens + of.estimated_tokens)
    return dict(sorted(whole.items()))
