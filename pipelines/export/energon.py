"""Energon's index, as `energon prepare` of version 7.4.1 lays it out, from the sidecars instead of from the tars.

Its `index.uuid` is drawn from the tars' digests, so the same export has the same one.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from uuid import UUID

import msgspec

from pipelines.export.folder import Folder
from pipelines.export.manifest import File, Manifest
from pipelines.export.sidecar import sample_spans
from pipelines.shelf.table import read_table
from schemas.sniff import PICTURES

VERSION = "7.4.1"
NV_META = ".nv-meta"
_MUST_HAVE_SPLITS = ("train", "val", "test")
_TABLES = """
    CREATE TABLE samples (tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE, sample_index INTEGER NOT NULL,
        byte_offset INTEGER, byte_size INTEGER);
    CREATE TABLE sample_parts (tar_file_id INTEGER, sample_index INTEGER, part_name TEXT,
        content_byte_offset INTEGER, content_byte_size INTEGER);
"""
_INDEXES = """
    CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
    CREATE INDEX idx_sample_parts_seq ON sample_parts(tar_file_id, sample_index, content_byte_offset);
    CREATE INDEX idx_sample_parts_full ON sample_parts(tar_file_id, sample_index, part_name, content_byte_offset,
        content_byte_size);
"""


def write_energon_index(folder: Folder, manifest: Manifest) -> None:
    """Write `.nv-meta/` and a `.tar.idx` per shard; memory holds one sidecar's columns at a time."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "index.sqlite")
        with closing(sqlite3.connect(path)) as db:
            db.executescript(_TABLES)
            for number, tar in enumerate(manifest.tars()):
                _index_shard(folder, db, number, tar)
            db.executescript(_INDEXES)
            db.commit()
        with open(path, "rb") as file:
            folder.copy_in(f"{NV_META}/index.sqlite", file)
    folder.put(f"{NV_META}/dataset.yaml", _dataset_yaml(manifest).encode())
    folder.put(f"{NV_META}/split.yaml", _split_yaml(manifest).encode())
    folder.put(f"{NV_META}/index.uuid", str(_uuid(manifest)).encode())
    info = {"energon_version": VERSION, "shard_counts": {tar.path: tar.samples for tar in manifest.tars()}}
    folder.put(f"{NV_META}/.info.json", msgspec.json.format(msgspec.json.encode(info), indent=2))


def _index_shard(folder: Folder, db: sqlite3.Connection, number: int, tar: File) -> None:
    names = ("key", "members", "offsets", "sizes")
    table = read_table(folder.fs, folder.path(f"{tar.path[:-4]}.parquet"), names)
    keys, members, offsets, sizes = (table[name].to_pylist() for name in names)
    spans = sample_spans(offsets, sizes)
    db.executemany(
        "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
        (
            (number, key, index, begin, end - begin)
            for index, (key, (begin, end)) in enumerate(zip(keys, spans, strict=True))
        ),
    )
    db.executemany("INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)", _parts(number, members, offsets, sizes))
    begins = [0, *(end for _, end in spans)]
    folder.put(f"{tar.path}.idx", struct.pack(f"<{len(begins)}Q", *begins))


def _parts(
    number: int, members: list[list[str]], offsets: list[list[int]], sizes: list[list[int]]
) -> Iterator[tuple[int, int, str, int, int]]:
    for index, sample in enumerate(zip(members, offsets, sizes, strict=True)):
        for name, offset, size_bytes in zip(*sample, strict=True):
            yield number, index, name, offset, size_bytes


def _dataset_yaml(manifest: Manifest) -> str:
    """Return pairs of picture and caption where every form has one picture; else samples that the user's code reads."""
    forms = sorted({folder.split("/", 1)[1] for folder in manifest.folders()})
    if forms and set(forms) <= PICTURES:
        return (
            "sample_type:\n  __module__: megatron.energon\n  __class__: CaptioningSample\n"
            f'field_map:\n  image: "{",".join(forms)}"\n  caption: txt\n'
        )
    return "__module__: megatron.energon\n__class__: CrudeWebdataset\n"


def _split_yaml(manifest: Manifest) -> str:
    """Return every shard under its split; train, val and test must be there, even empty."""
    splits: dict[str, list[str]] = {split: [] for split in _MUST_HAVE_SPLITS}
    for tar in manifest.tars():
        splits.setdefault(tar.path.split("/", 1)[0], []).append(tar.path)
    lines = ["split_parts:"]
    for split, paths in splits.items():
        lines += [f"  {split}:{'' if paths else ' []'}", *(f'  - "{path}"' for path in paths)]
    return "\n".join([*lines, "exclude: []", ""])


def _uuid(manifest: Manifest) -> UUID:
    seen = sha256("".join(f"{tar.path}\0{tar.sha256}\0" for tar in manifest.tars()).encode())
    return UUID(bytes=seen.digest()[:16], version=4)
