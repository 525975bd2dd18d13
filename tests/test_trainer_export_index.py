"""An export as the trainer opens it: every sample at its place, and one clear line where the export is not whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import msgspec
import pytest

from schemas.errors import BadInput, Unavailable
from schemas.form import read
from schemas.sample import from_json
from schemas.shard import samples
from trainer.data.export_index import Export, open_export
from trainer.data.shard_bytes import MOST_OPEN, ShardBytes


@pytest.fixture(scope="module")
def folder(mixed_export: Callable[..., Path]) -> Path:
    return mixed_export(20, rows=3)


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "out"))


def first_tar(folder: Path) -> Path:
    return sorted((folder / "train").glob("*/*.tar"))[0]


@pytest.mark.parametrize("where", ["local", "memory"])
def test_each_span_is_one_sample_whole(folder: Path, where: str) -> None:
    url = str(folder)
    if where == "memory":
        url = "memory://trainer/out"
        fsspec.filesystem("memory").put(f"{folder}/", "/trainer/out/", recursive=True)
    export, seen = open_export(url), 0
    with ShardBytes(export.fs) as shards:
        for shard in export.shards:
            places = export.places(shard)
            found = list(samples((folder / f"{shard.path}.tar").read_bytes()))
            for (key, members), key_16, span, json in zip(found, *places, strict=True):
                [(spanned, inside)] = samples(shards.read(export.path(f"{shard.path}.tar"), *span))
                assert spanned == key == key_16.tobytes().hex() and inside == members
                assert from_json(shards.read(export.path(f"{shard.path}.tar"), *json)) == read(members)[0]
                seen += 1
    assert seen == sum(shard.samples for shard in export.shards) > 3


def test_the_splits_are_opened_apart_and_share_the_digest(folder: Path) -> None:
    train, val = open_export(str(folder)), open_export(str(folder), "val")
    assert train.digest == val.digest
    assert sum(shard.samples for shard in (*train.shards, *val.shards)) == 20
    with pytest.raises(BadInput, match=r"it has no split test; its splits: train, val"):
        open_export(str(folder), "test")


def missing(folder: Path) -> str:
    first_tar(folder).unlink()
    return r"train/jpg/mixed-000000.tar is listed and not there; copy it again"


def two_missing(folder: Path) -> str:
    first_tar(folder).unlink()
    first_tar(folder).unlink()
    return r"is listed and not there \(and 1 more\)"


def cut(folder: Path) -> str:
    os.truncate(first_tar(folder), 700)
    return r"train/jpg/mixed-000000.tar has 700 bytes, not \d+; copy it again"


def without_sidecar(folder: Path) -> str:
    first_tar(folder).with_suffix(".parquet").unlink()
    return r"train/jpg/mixed-000000.parquet is listed and not there"


def without_manifest(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return r"no manifest.json: this is no export, or it was not finished; give the folder"


def half_a_manifest(folder: Path) -> str:
    os.truncate(folder / "manifest.json", 100)
    return r"manifest.json: the manifest is malformed \(.*\); copy it again"


def of_another_format(folder: Path) -> str:
    told = msgspec.json.decode((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**told, "format": 7}))
    return r"the manifest has format 7, this ostraka reads 1"


@pytest.mark.parametrize(
    "spoil", [missing, two_missing, cut, without_sidecar, without_manifest, half_a_manifest, of_another_format]
)
def test_an_export_that_is_not_whole_is_one_clear_line(own: Path, spoil: Callable[[Path], str]) -> None:
    says = spoil(own)
    with pytest.raises(BadInput, match=says) as caught:
        open_export(str(own))
    assert "\n" not in str(caught.value) and str(own) in str(caught.value)


def test_what_is_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for url in (str(tmp_path / "nowhere"), str(tmp_path / "file"), "nosuch://x"):
        with pytest.raises(BadInput, match=r"no manifest.json|no file system for this address"):
            open_export(url)


def sidecar_of_another_shard(export: Export, folder: Path) -> str:
    other = next(shard for shard in export.shards if shard.samples != export.shards[0].samples)
    shutil.copy(folder / f"{other.path}.parquet", folder / f"{export.shards[0].path}.parquet")
    return r"the sidecar cannot be read \(\d rows, the manifest counts \d\)"


def sidecar_that_is_none(export: Export, folder: Path) -> str:
    first_tar(folder).with_suffix(".parquet").write_bytes(b"PAR1")
    return r"mixed-000000.parquet: the sidecar cannot be read"


@pytest.mark.parametrize("spoil", [sidecar_of_another_shard, sidecar_that_is_none])
def test_a_sidecar_that_changes_afterwards_is_no_samples_fault(own: Path, spoil: Callable[[Export, Path], str]) -> None:
    export = open_export(str(own))
    says = spoil(export, own)
    with pytest.raises(Unavailable, match=says):
        export.places(export.shards[0])


def test_bytes_that_are_not_there_are_no_samples_fault(own: Path) -> None:
    export, tar = open_export(str(own)), first_tar(own)
    with ShardBytes(export.fs) as shards:
        with pytest.raises(Unavailable, match=r"ends before byte 999999; copy the export again"):
            shards.read(str(tar), 0, 999_999)
        with pytest.raises(Unavailable, match=r"gone: cannot be read \(No such file"):
            shards.read(str(own / "gone"), 0, 1)


def test_only_a_few_files_are_held_open(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(3 * MOST_OPEN)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]))
    before = len(os.listdir("/proc/self/fd"))
    with ShardBytes(fsspec.filesystem("file")) as shards:
        for number in (*range(len(paths)), 0, 1, 2):
            assert shards.read(str(paths[number]), 0, 1) == bytes([number])
            assert len(os.listdir("/proc/self/fd")) <= before + MOST_OPEN
    assert len(os.listdir("/proc/self/fd")) == before
