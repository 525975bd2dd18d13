"""Verify: an export is what its manifest says, down to every byte, or this says where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pyarrow as pa
from msgspec import Struct

from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.engines.temporary import temporary_folder
from pipelines.export.check import MOST_TOLD, CheckShard, check_file
from pipelines.export.concepts import told_wrong
from pipelines.export.folder import SHARD_FILE, Folder, is_energons
from pipelines.export.kinds import kinds_of, summed
from pipelines.export.manifest import CONCEPTS, PLAN, Manifest
from pipelines.run.funnel import Stage
from pipelines.shelf.sql_text import quoted
from pipelines.shelf.table import read_table
from schemas.errors import BadTar, Unavailable, Unreachable
from schemas.form import MANIFEST

Progress = Callable[[str, Sequence[str], Any], Any]

MEMORY_LIMIT = "1GB"
_COLUMNS = ("key", "sha256", "parent", "licence", "dataset")
_REMEDY = "export again with --replace"


class Verified(Struct, frozen=True):
    """What was proved whole: samples by folder (`train/jpg`), shards, and the bytes of all files."""

    name: str
    samples: int
    folders: dict[str, int]
    shards: int
    size_bytes: int


def verify(folder_url: str, engine: Engine | None = None, progress: Progress | None = None) -> Verified:
    """Prove an export whole.

    Raises BadInput where there is no export at all or its manifest is malformed, BadTar that lists what is wrong.
    """
    folder = Folder(folder_url)
    manifest = folder.need_manifest()
    problems = [*_listing(folder, manifest), *_counts(manifest)]
    there = set(folder.files())
    shards = [f.path[: -len(".tar")] for f in manifest.tars() if {f.path, f.path[:-4] + ".parquet"} <= there]
    answers = (engine or Local()).map(CheckShard(folder.url, manifest.files), shards)
    found = dict(progress("verify", shards, answers) if progress else answers)
    problems += [problem for shard in shards for problem in found[shard]]
    problems += [] if problems else _concepts(folder, manifest)
    if not problems:
        problems = [*_corpus(folder, manifest), *_kinds(folder, manifest)]
    if problems:
        told = "".join(f"\n  {problem}" for problem in problems[:MOST_TOLD])
        more = f"\n  and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
        wrong = "1 thing is wrong" if len(problems) == 1 else f"{len(problems)} things are wrong"
        raise BadTar(f"{wrong}:{told}{more}", where=folder.url)
    tars = manifest.tars()
    size_bytes = sum(file.size_bytes for file in manifest.files)
    return Verified(manifest.name, manifest.counts.exported, manifest.folders(), len(tars), size_bytes)


def _listing(folder: Folder, manifest: Manifest) -> Iterator[str]:
    """Yield what is missing, what nobody listed, and what is wrong with the files that are no shards."""
    listed, there = {file.path: file for file in manifest.files}, set(folder.files())
    for path, file in listed.items():
        if path not in there:
            yield f"{path}: is listed and not there; copy it from where it was exported"
        elif not SHARD_FILE.fullmatch(path):
            yield from check_file(folder, file)
        elif path.endswith(".tar") and f"{path[:-4]}.parquet" not in listed:
            yield f"{path}: has no sidecar; export again with --replace"
    for path in sorted(there - set(listed) - {MANIFEST, PLAN}):
        if not is_energons(path):
            yield f"{path}: is there and not listed; move it out of the export"


def _counts(manifest: Manifest) -> Iterator[str]:
    """Yield where the manifest's numbers do not add up."""
    counts, remedy = manifest.counts, _REMEDY
    if counts.kept != counts.exported + sum(counts.left_out.values()):
        yield f"{MANIFEST}: kept {counts.kept} is not exported {counts.exported} + left out {counts.left_out}; {remedy}"
    for what, total in (
        ("its tars", sum(tar.samples for tar in manifest.tars())),
        ("its licences", sum(manifest.licences.values())),
        ("its datasets", sum(manifest.datasets.values())),
    ):
        if total != counts.exported:
            yield f"{MANIFEST}: {what} count {total} samples, exported are {counts.exported}; {remedy}"
    yield from _parts(manifest)
    spans = manifest.options.get("spans")
    yield from _funnel(manifest.funnel, spans["samples"] if spans else manifest.counts.kept)
    for part in manifest.mix:
        yield from _funnel(part.funnel, part.counts.kept)


def _parts(manifest: Manifest) -> Iterator[str]:
    """Yield where the parts of a mix are not the whole, or not their shards."""
    for part in manifest.mix:
        shards = sum(tar.samples for tar in manifest.of_part(part.name))
        if shards != part.counts.exported:
            yield f"{MANIFEST}: part {part.name} has {shards} samples, told are {part.counts.exported}; {_REMEDY}"
    total = sum(part.counts.exported for part in manifest.mix)
    if manifest.mix and total != manifest.counts.exported:
        yield f"{MANIFEST}: its parts count {total} samples, exported are {manifest.counts.exported}; {_REMEDY}"


def _funnel(funnel: Sequence[Stage], kept: int) -> Iterator[str]:
    """Yield where a funnel's numbers do not add up to what was kept."""
    for step in funnel:
        if step.reached != step.went_on + sum(step.dropped.values()) + sum(step.failed.values()):
            yield f"{MANIFEST}: step {step.name} reached {step.reached} is not kept + dropped + failed; {_REMEDY}"
    ways = [(one.name, one.went_on, other.reached) for one, other in pairwise(funnel)]
    if funnel:
        ways.append((funnel[-1].name, funnel[-1].went_on, kept))
    for name, left, came in ways:
        if left != came:
            yield f"{MANIFEST}: {left} left step {name} and {came} came to the next; {_REMEDY}"


def _concepts(folder: Folder, manifest: Manifest) -> Iterator[str]:
    """Yield where what is told of concepts is not what their counts say."""
    if manifest.concepts and CONCEPTS not in (file.path for file in manifest.files):
        yield f"{CONCEPTS}: is not listed, though concepts are told of; export again with --replace"
    elif manifest.concepts:
        for step in told_wrong(manifest.concepts, _read(folder, CONCEPTS)):
            yield f"{MANIFEST}: the concepts of {step} are not what {CONCEPTS} says; export again with --replace"


def _kinds(folder: Folder, manifest: Manifest) -> Iterator[str]:
    """Yield where the kinds told of are not the sidecars'."""
    found = kinds_of(folder, manifest.files)
    if summed(found.values()) != manifest.kinds:
        yield f"{MANIFEST}: kinds {sorted(manifest.kinds)} are not counted as in the sidecars; {_REMEDY}"
    for part in manifest.mix:
        if found.get(part.name, {}) != part.kinds:
            yield f"{MANIFEST}: the kinds of part {part.name} are not counted as in its sidecars; {_REMEDY}"


def _corpus(folder: Folder, manifest: Manifest) -> list[str]:
    """Return what is wrong across shards: keys that stand twice, pictures on both sides of a split, wrong counts."""
    with _database(folder, manifest) as db:
        problems = [
            f"key {key} stands in {', '.join(sorted(shards))}; export again with --replace"
            for key, shards in db.execute(
                "SELECT key, list(shard) FROM samples GROUP BY key HAVING count(*) > 1 ORDER BY key LIMIT ?",
                [MOST_TOLD],
            ).fetchall()
        ]
        for column in ("sha256", "parent"):
            problems += [
                f"the {column} {value} is in the splits {', '.join(sorted(splits))}; export again with --replace"
                for value, splits in db.execute(
                    f"SELECT {column}, list(DISTINCT split) FROM samples WHERE {column} <> '' GROUP BY 1 "
                    f"HAVING count(DISTINCT split) > 1 ORDER BY 1 LIMIT {MOST_TOLD}"
                ).fetchall()
            ]
        for column, told in (("licence", manifest.licences), ("dataset", manifest.datasets)):
            found = dict(db.execute(f"SELECT {column}, count(*) FROM samples GROUP BY 1").fetchall())
            if found != told:
                problems.append(f"{MANIFEST}: {column} counts {told} are not the sidecars' {found}")
        return problems


def _read(folder: Folder, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        return read_table(folder.fs, folder.path(path), columns)
    except Unreachable:
        raise
    except Unavailable as error:
        raise BadTar(error.what, where=error.where) from None


@contextmanager
def _database(folder: Folder, manifest: Manifest) -> Iterator[Any]:
    """Yield DuckDB with a row per sample; it spills, so the export may be larger than memory."""
    import duckdb

    with temporary_folder("verify") as scratch, duckdb.connect(f"{scratch}/samples.duckdb") as db:
        db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET temp_directory = {quoted(scratch)}; SET threads = 1")
        db.execute(
            "CREATE TABLE samples (shard VARCHAR, split VARCHAR, key VARCHAR, sha256 VARCHAR, parent VARCHAR, "
            "licence VARCHAR, dataset VARCHAR)"
        )
        for tar in manifest.tars():
            shard = tar.path[: -len(".tar")]
            table = _read(folder, f"{shard}.parquet", _COLUMNS)
            for place, value in enumerate((shard, shard.split("/", 1)[0])):
                table = table.add_column(place, ("shard", "split")[place], pa.array([value] * table.num_rows))
            db.register("batch", table)
            db.execute("INSERT INTO samples SELECT * FROM batch")
            db.unregister("batch")
        yield db
