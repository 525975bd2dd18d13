"""The door in, from the folder of an export: the samples of all its splits come back as they left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.engines.local import Local
from pipelines.export.folder import Folder
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.shelf.shelf import Shelf

COUNT = 12
NOTED = ("width_px", "height_px")
"""What an export states of a picture since it was looked at."""


def standing(shelf: Shelf) -> list[str]:
    """Return the parts and licences of samples, whatever their keys and the order they stand in."""
    found = [row for shard in shelf.shards() for row in shelf.catalog(shard, ["parts", "licence"]).to_pylist()]
    parts = ([part | dict.fromkeys(NOTED, 0) for part in json.loads(row["parts"])] for row in found)
    return sorted(f"{row['licence']} {said}" for row, said in zip(found, parts, strict=True))


@pytest.fixture(scope="module")
def out(mixed_export: Callable[..., Path]) -> Path:
    return mixed_export(COUNT)


@pytest.mark.parametrize("by_reference", [False, True])
def test_an_export_comes_back_whole_and_twice_is_once(out: Path, tmp_path: Path, by_reference: bool) -> None:
    shelf = Shelf(str(tmp_path / "back"))
    came = ingest(shelf, str(out), Local(1), Options(by_reference=by_reference))
    assert (came.listed, came.counts) == (COUNT, {"samples": COUNT})
    assert standing(shelf) == standing(Shelf(str(out.parent / "shelf")))
    assert ingest(shelf, str(out), Local(1), Options(by_reference=by_reference)).new == 0
    splits = {row.split("/")[0] for row in shelf.catalog("000000", ["name"])["name"].to_pylist()}
    assert splits == {"train", "val"}


def test_a_split_comes_alone(out: Path, tmp_path: Path) -> None:
    counted = Folder(str(out)).need_manifest().folders()
    for split in ("train", "val"):
        came = ingest(Shelf(str(tmp_path / split)), f"{out}/{split}/", Local(1))
        assert came.counts == {"samples": sum(n for form, n in counted.items() if form.startswith(f"{split}/"))}
    assert sum(counted.values()) == COUNT


@pytest.mark.parametrize(
    "manifest", [{"files": []}, {"recipe": "r", "snapshot": "s", "files": [{"path": "a.jpg"}]}, []]
)
def test_a_manifest_of_somebody_else_makes_no_export(
    manifest: Any, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.jpg").write_bytes(picture(0))
    (tmp_path / "made" / "manifest.json").write_text(json.dumps(manifest))
    shelf = Shelf(str(tmp_path / "shelf"))
    assert ingest(shelf, str(tmp_path / "made"), Local(1)).counts == {"samples": 1}
    assert shelf.catalog("000000", ["name"])["name"].to_pylist() == ["a.jpg"]
