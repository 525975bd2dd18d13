"""Reshard: apply a list of keys to an export by copying whole samples between tars, without a shelf or a decode.

A sample's bytes in the new tar are its bytes in the old one, headers included; only the offsets in the sidecar move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import IO, Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct, structs

from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.export.card import KEEP_LIST
from pipelines.export.concepts import Counted
from pipelines.export.cut import Cutter, Planned
from pipelines.export.export import Exported, exported_of
from pipelines.export.finish import finish
from pipelines.export.folder import Folder, plan_json
from pipelines.export.hashed import CHUNK, file_of
from pipelines.export.lines import read_lines
from pipelines.export.manifest import (
    CONCEPTS,
    FORMAT,
    PLAN,
    About,
    Counts,
    File,
    Manifest,
    Mixed,
    about_json,
    stem_of,
)
from pipelines.export.plan import Plan, Progress
from pipelines.export.shard import write_shard
from pipelines.export.sidecar import sample_spans
from pipelines.ingest.source import full_url, open_url
from pipelines.shelf.media import MediaReader
from pipelines.shelf.table import read_table
from schemas.errors import BadInput, BadTar
from schemas.tables import CLIP_SIDECAR, PEOPLE, SIDECAR
from schemas.tar import Writer

_KEY_DIGITS = 32


def reshard(
    folder_url: str,
    keep: str,
    to: str,
    engine: Engine | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write the samples of an export whose keys stand in the file `keep` to another folder; the same call goes on.

    Raises BadInput where a line is no key, none of the keys is in the export, or the folder holds something else;
    BadTar where a sidecar's offsets are not its tar's.
    """
    source, target = Folder(folder_url), Folder(to)
    if source.url == target.url:
        raise BadInput("an export cannot be resharded into itself", where=to, remedy="give another folder with --to")
    manifest = source.need_manifest()
    keys, keep_sha256 = _keys(keep)
    inputs = sha256(msgspec.json.encode([FORMAT, "reshard", sha256(about_json(manifest)).hexdigest(), keep_sha256]))
    found = target.claim(inputs.hexdigest(), replace)
    if isinstance(found, Manifest):
        return exported_of(target, found)
    planned = found or _plan(source, manifest, keys, keep_sha256, inputs.hexdigest())
    if not planned.shards:
        raise BadInput("none of these keys is in the export", where=keep, remedy=f"it holds those of {source.url}")
    if found is None:
        target.put(PLAN, plan_json(planned))
    work = ReshardShard(source.url, target.url, full_url(*open_url(keep)), keep_sha256, planned.shards)
    paths = [shard.path for shard in planned.shards]
    answers = (engine or Local()).map(work, paths)
    files = [file for _, pair in (progress("reshard", paths, answers) if progress else answers) for file in pair]
    return exported_of(target, finish(target, planned, files, _counted(source, manifest), manifest.benchmarks))


def _counted(source: Folder, manifest: Manifest) -> Counted:
    """Return the counts of concepts, as they are: they are of the recipe's run, whatever is kept of its export."""
    if not manifest.concepts:
        return Counted()
    data = source.fs.cat_file(source.path(CONCEPTS))
    if file_of(CONCEPTS, data) not in manifest.files:
        raise BadTar("it is not what was exported", where=source.path(CONCEPTS), remedy="run `ostraka verify` on it")
    return Counted(manifest.concepts, data)


def _keys(url: str, sha256_hex: str = "") -> tuple[frozenset[str], str]:
    """Read a list of keys, one a line, and return it with its file's SHA-256."""
    lines, digest = read_lines(url, "the list of keys", sha256_hex)
    keys = [(number, line.lower().replace("-", "")) for number, line in lines]
    for number, key in keys:
        if len(key) != _KEY_DIGITS or not {*key} <= {*"0123456789abcdef"}:
            raise BadInput(f"{key[:80]!r} is no key", where=f"{url}, line {number}", remedy="give 32 hex digits a line")
    return frozenset(key for _, key in keys), digest


def _plan(source: Folder, manifest: Manifest, keys: frozenset[str], keep_sha256: str, inputs: str) -> Plan:
    options = {**manifest.options, "keep_sha256": keep_sha256, "keep_entries": len(keys)}
    cutter = Cutter(options["rows"], options["mib"])
    licences, datasets, by_part = Counter[str](), Counter[str](), Counter[str]()
    for tar in manifest.tars():
        shard, folder = tar.path[: -len(".tar")], tar.path.rsplit("/", 1)[0]
        columns = read_sidecar(source, shard, ("key", "offsets", "sizes", "licence", "dataset"))
        keys_here, offsets, sizes, licence, dataset = (column.to_pylist() for column in columns)
        spans = sample_spans(offsets, sizes)
        rows = [row for row, key in enumerate(keys_here) if key in keys]
        part = stem_of(tar.path)
        by_part[part] += len(rows)
        cutter.add(f"{folder}/{part}", shard, np.array(rows), np.array([spans[row][1] - spans[row][0] for row in rows]))
        licences.update(licence[row] for row in rows)
        datasets.update(dataset[row] for row in rows)
    kept = licences.total()
    left_out = Counter(manifest.counts.left_out)
    left_out[KEEP_LIST] += manifest.counts.exported - kept
    about = {name: getattr(manifest, name) for name in About.__struct_fields__}
    about |= {
        "inputs": inputs,
        "options": options,
        "counts": Counts(manifest.counts.kept, kept, dict(sorted(left_out.items()))),
        "licences": dict(sorted(licences.items())),
        "datasets": dict(sorted(datasets.items())),
        "mix": tuple(_with(one, by_part[one.name]) for one in manifest.mix),
    }
    return Plan(**about, tied={}, shards=cutter.shards())


def _with(part: Mixed, samples: int) -> Mixed:
    """Return a part of a mix of which so many samples are left."""
    left_out = Counter(part.counts.left_out)
    left_out[KEEP_LIST] += part.counts.exported - samples
    return structs.replace(part, counts=Counts(part.counts.kept, samples, dict(sorted(left_out.items()))))


def read_sidecar(folder: Folder, shard: str, names: Sequence[str]) -> list[pa.ChunkedArray]:
    """Return columns of a shard's sidecar; raises BadTar where one is missing."""
    table = read_table(folder.fs, folder.path(f"{shard}.parquet"), names)
    if {*table.column_names} != {*names}:
        raise BadTar("its columns are not a sidecar's", where=f"{shard}.parquet", remedy="run `ostraka verify` on it")
    return [table[name] for name in names]


class ReshardShard(Struct, frozen=True):
    """Work: write one planned shard from spans of another export's, unless it is done."""

    source_url: str
    target_url: str
    keep: str
    keep_sha256: str
    planned: tuple[Planned, ...]

    @contextmanager
    def open(self) -> Iterator[Callable[[str], tuple[File, File]]]:
        """Read the keys, and yield what writes one shard."""
        source, target = Folder(self.source_url), Folder(self.target_url)
        keys, _ = _keys(self.keep, self.keep_sha256)
        by_path = {planned.path: planned for planned in self.planned}
        with closing(MediaReader()) as read:

            def write(path: str) -> tuple[File, File]:
                copying = Copying(source, keys, read)
                return write_shard(target, by_path[path], lambda file: copying.copy(by_path[path], file))

            yield write


class Copying:
    """Copies spans of samples into one tar."""

    def __init__(self, source: Folder, keys: Container[str], read: MediaReader) -> None:
        self._source, self._keys, self._read = source, keys, read

    def copy(self, planned: Planned, file: IO[bytes]) -> Mapping[str, Any]:
        """Write the tar and return the columns of its sidecar."""
        tar, pieces = Writer(file), list[pa.Table]()
        for span in planned.spans:
            table = read_table(self._source.fs, self._source.path(f"{span.shard}.parquet"))
            keys = table["key"].to_pylist()
            rows = [row for row in range(span.first, span.end) if keys[row] in self._keys]
            spans = sample_spans(table["offsets"].to_pylist(), table["sizes"].to_pylist())
            shifts = list(self._copy_rows(tar, span.shard, [(keys[row], *spans[row]) for row in rows]))
            pieces.append(_moved(table.take(rows), np.array(shifts, np.int64)))
        tar.close()
        whole = pa.concat_tables(pieces)
        names = {*whole.column_names}
        columns = CLIP_SIDECAR if names >= {column.name for column in CLIP_SIDECAR} else SIDECAR
        told = PEOPLE if names >= {column.name for column in PEOPLE} else ()
        return {column.name: whole[column.name] for column in (*columns, *told)}

    def _copy_rows(self, tar: Writer, shard: str, samples: Sequence[tuple[str, int, int]]) -> Iterator[int]:
        """Copy samples, neighbours in one read, and yield how far each one's offsets move."""
        url = full_url(self._source.fs, self._source.path(f"{shard}.tar"))
        for run in _runs(samples):
            begin, end = run[0][1], run[-1][2]
            data = self._read(url, begin, end - begin)
            for key, first, _ in run:
                if not data.startswith(f"{key}.".encode(), first - begin):
                    raise BadTar(
                        f"sample {key} does not begin at byte {first}, as the sidecar says",
                        where=url,
                        remedy="run `ostraka verify` on the export",
                    )
            shift = tar.add_span(data) - begin
            yield from (shift for _ in run)


def _runs(samples: Sequence[tuple[str, int, int]]) -> Iterator[list[tuple[str, int, int]]]:
    """Yield samples that lie side by side together, up to a chunk's bytes."""
    run: list[tuple[str, int, int]] = []
    for sample in samples:
        if run and (sample[1] != run[-1][2] or sample[2] - run[0][1] > CHUNK):
            yield run
            run = []
        run.append(sample)
    if run:
        yield run


def _moved(table: pa.Table, shifts: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Table:
    """Return sidecar rows with every sample's offsets moved by its shift."""
    offsets = table["offsets"].combine_chunks()
    counts = np.diff(offsets.offsets.to_numpy())
    values = offsets.flatten().to_numpy() + np.repeat(shifts, counts)
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    moved = pa.ListArray.from_arrays(pa.array(starts), pa.array(values))
    return table.set_column(table.column_names.index("offsets"), "offsets", moved)
