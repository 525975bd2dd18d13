"""Resharding by a list of half the keys: `pipelines.export.reshard` against reading and writing with webdataset.

Ours leaves a whole export behind: sidecars with new offsets, a manifest, a SHA-256 of every file by a thread of its
own, for which both sides have a second processor and a wall clock; the peer leaves the tars.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from glob import glob
from hashlib import sha256

import webdataset

from bench.duel import Row, interleave, require, row
from bench.photographs import marked, photographs
from bench.shards import CAPTION, PICTURES, in_memory, write_tar
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.reshard import reshard
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.shard import samples

ROWS = 500


def ours(source: str, keep: str, to: str) -> None:
    reshard(source, keep, to)


def peer(source: str, keep: str, to: str) -> None:
    with open(keep, encoding="utf-8") as file:
        keys = set(file.read().split())
    with webdataset.ShardWriter(f"{to}/%06d.tar", maxcount=ROWS, encoder=False, mtime=0, verbose=0) as out:
        for sample in webdataset.WebDataset(_tars(source), shardshuffle=False):
            if sample["__key__"] in keys:
                out.write(sample)


def rows(folder: str) -> Iterator[Row]:
    here = in_memory(folder)
    source, keep = os.path.join(here, "export"), os.path.join(here, "keep.txt")
    _make(here, source)
    keys = sorted(key for path in _tars(source) for key, _ in samples(path))
    with open(keep, "w", encoding="utf-8") as file:
        file.writelines(f"{key}\n" for key in keys[::2])
    to_ours, to_peer = os.path.join(here, "resharded"), os.path.join(here, "rewritten")

    def fresh(folder: str) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        return folder

    ours(source, keep, fresh(to_ours))
    peer(source, keep, fresh(to_peer))
    require(_digests(to_ours) == _digests(to_peer), "members of the resharded tars")
    times_s = interleave(lambda: ours(source, keep, fresh(to_ours)), lambda: peer(source, keep, fresh(to_peer)), cpus=2)
    yield row(
        "reshard by a 50 % keep list: pictures",
        times_s,
        len(keys),
        6,
        "new pages for what is written; SHA-256 in a thread beside it",
    )


def _make(here: str, source: str) -> None:
    found, tar = photographs(), os.path.join(here, "source.tar")
    write_tar(
        tar,
        [
            (f"{n:08d}", {"jpg": marked(found[n % len(found)], n), "txt": f"{n} {CAPTION}".encode()})
            for n in range(PICTURES)
        ],
    )
    shelf = Shelf(os.path.join(here, "reshard-shelf"))
    ingest(shelf, tar, Local(), Options(by_reference=True))
    run(shelf, find_recipe("headers-only"), Local())
    export(shelf, "train", source, Local(), ExportOptions(rows=ROWS))


def _tars(folder: str) -> list[str]:
    return sorted(glob(f"{folder}/**/*.tar", recursive=True))


def _digests(folder: str) -> dict[str, dict[str, bytes]]:
    return {
        key: {extension: sha256(content).digest() for extension, content in members.items()}
        for path in _tars(folder)
        for key, members in samples(path)
    }
