"""An ingest that comes again: after mending, after a change, beside another one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.ingest import plan
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.held import held
from pipelines.shelf.shelf import Shelf
from schemas.errors import TooManyFailed

Picture = Callable[..., bytes]


def catalogue(shelf: Shelf) -> list[dict]:
    return [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]


def manifest(folder: Path, records: list[dict]) -> str:
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_a_mended_source_comes_in_by_the_same_command(tmp_path: Path, picture: Picture) -> None:
    records = [{"image": f"{n}.jpg", "caption": f"picture number {n}"} for n in range(30)]
    for n in range(18):
        (tmp_path / f"{n}.jpg").write_bytes(picture(n))
    shelf, source = Shelf(str(tmp_path / "shelf")), manifest(tmp_path, records)
    with pytest.raises(TooManyFailed, match="12 of 30"):
        ingest(shelf, source, Local(1))
    for n in range(18, 30):
        (tmp_path / f"{n}.jpg").write_bytes(picture(n))
    done = ingest(shelf, source, Local(1))
    assert (done.counts, done.changed) == ({"samples": 30}, 0)


def test_a_mended_source_gives_the_shelf_of_one_that_was_never_broken(
    tmp_path: Path, picture: Picture, tree_digest: Callable
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for n in range(12):
        (source / f"{n:02d}.jpg").write_bytes(b"no picture")
    mended, whole = Shelf(str(tmp_path / "mended")), Shelf(str(tmp_path / "whole"))
    (source / "99.jpg").write_bytes(picture(99))
    with pytest.raises(TooManyFailed):
        ingest(mended, str(source), Local(1))
    for n in range(12):
        (source / f"{n:02d}.jpg").write_bytes(picture(n))
    ingest(mended, str(source), Local(1))
    ingest(whole, str(source), Local(1))
    assert tree_digest(Path(mended.root)) == tree_digest(Path(whole.root))


def test_rows_that_changed_are_counted_and_stay(tmp_path: Path, picture: Picture) -> None:
    records = [{"image": f"{name}.jpg", "caption": f"picture called {name}"} for name in "dabc"]
    for record in records:
        (tmp_path / record["image"]).write_bytes(picture(ord(record["image"][0])))
    shelf = Shelf(str(tmp_path / "shelf"))
    assert ingest(shelf, manifest(tmp_path, records[1:]), Local(1)).changed == 0
    before = catalogue(shelf)
    done = ingest(shelf, manifest(tmp_path, records), Local(1))
    assert (done.listed, done.new, done.changed) == (4, 1, 3)
    assert catalogue(shelf)[:3] == before


def test_a_copied_source_has_not_changed(tmp_path: Path, picture: Picture) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.jpg").write_bytes(picture(1))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(1))
    os.utime(source / "a.jpg", (1, 1))
    done = ingest(shelf, str(source), Local(1))
    assert (done.new, done.changed) == (0, 0)


def test_no_id_can_be_taken_for_the_number_of_a_copy(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    records = [{"id": name, "image": "a.jpg", "caption": f"a picture, {n}"} for n, name in enumerate(("x", "x#2", "x"))]
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, manifest(tmp_path, records[:2]), Local(1))
    done = ingest(shelf, manifest(tmp_path, records), Local(1))
    rows = catalogue(shelf)
    assert done.new == 1 and len(rows) == 3 and len({row["name"] for row in rows}) == 3
    assert [row["failed"] for row in rows] == ["", "", "duplicate_id"]


def test_a_shard_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    other = (
        "import fcntl, os, sys\n"
        "number = os.open(sys.argv[1], os.O_RDWR)\n"
        "for shard in (3, 4):\n"
        "    try:\n"
        "        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, shard)\n"
        "        print(shard, 'free')\n"
        "    except OSError:\n"
        "        print(shard, 'held')\n"
    )
    with held(shelf, "000003"):
        said = subprocess.run(
            [sys.executable, "-c", other, shelf.path("runs", "ingest.lock")], capture_output=True, text=True, check=True
        )
    assert said.stdout.split("\n")[:2] == ["3 held", "4 free"]


def test_the_first_text_of_a_tars_sample_is_its_caption(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in (("1.cls", b"7"), ("1.jpg", picture(1)), ("1.txt", b"a good caption")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(path), Local(1))
    [row] = catalogue(shelf)
    texts = [(part["role"], part["text"]) for part in json.loads(row["parts"]) if part["kind"] == "text"]
    assert texts == [("caption", "a good caption"), ("label", "7")]


def test_samples_that_share_their_first_picture_alone_are_no_copies(tmp_path: Path, picture: Picture) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(picture(n))
    records = [
        {"images": ["0.jpg", "1.jpg"], "caption": "the first and the second"},
        {"images": ["0.jpg", "2.jpg"], "caption": "the first and the third"},
    ]
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, manifest(tmp_path, records), Local(1))
    first, second = catalogue(shelf)
    assert first["digest"] != second["digest"]


def test_why_tells_what_the_door_found(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    records = [{"id": name, "image": f"{name}.jpg", "caption": "a picture of noise"} for name in ("a", "gone")]
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, manifest(tmp_path, records), Local(1), cut=Cut(rows=5))
    run(shelf, find_recipe("headers-only"), Local(1))
    told = CliRunner().invoke(why, ["gone", "--shelf", shelf.url]).output
    assert "file_missing" in told and "gone.jpgisnotthere" in "".join(told.split())


@pytest.mark.parametrize("name", ["metadata.jsonl", "captions.jsonl"])
def test_a_folder_with_metadata_is_read_by_it(tmp_path: Path, picture: Picture, name: str) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    (source / "a.jpg").write_bytes(picture(1))
    (source / name).write_text(json.dumps({"file_name": "a.jpg", "text": "what the metadata says"}) + "\n")
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(1))
    [row] = catalogue(shelf)
    assert (row["dataset"], json.loads(row["parts"])[1]["text"]) == ("pictures", "what the metadata says")


def test_a_row_that_another_ingest_plans_meanwhile_is_not_planned_twice(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for n in range(6):
        (source / f"{n}.jpg").write_bytes(picture(n))
    shelf = Shelf(str(tmp_path / "shelf"))
    read, others = plan._read_planned, iter([True])

    def read_and_be_overtaken(*arguments: Any) -> Any:
        seen = read(*arguments)
        if next(others, False):
            ingest(Shelf(shelf.url), str(source), Local(1), cut=Cut(rows=2))
        return seen

    monkeypatch.setattr(plan, "_read_planned", read_and_be_overtaken)
    ingest(shelf, str(source), Local(1), cut=Cut(rows=2))
    assert [row["name"] for row in catalogue(shelf)] == [f"{n}.jpg" for n in range(6)]
