"""The door in, from COCO json: a sample a picture, its captions as texts, its boxes as the source's notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.ingest.coco import Coco
from pipelines.ingest.folder import Folder
from pipelines.ingest.ingest import ingest, open_source
from pipelines.ingest.plan import Cut
from pipelines.ingest.source import Options
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.shelf import Shelf
from schemas.note import Box, Note

Picture = Callable[..., bytes]


def rows(shelf: Shelf) -> list[dict[str, Any]]:
    found = [row | {"shard": shard} for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    return [row | {"parts": msgspec.json.decode(row["parts"])} for row in found]


def boxes(shelf: Shelf) -> dict[tuple[str, int], list[Note]]:
    """Return the source's notes by shard and row."""
    return {
        (shard, row["row"]): msgspec.json.decode(row["places"], type=list[Note])
        for shard in shelf.shards()
        for row in pq.read_table(shelf.path("notes", SOURCE_NOTES, f"{shard}-0000.parquet")).to_pylist()
    }


@pytest.fixture(scope="module")
def coco(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    shelf = Shelf(str(tmp_path_factory.mktemp("coco") / "s"))
    counts = ingest(shelf, str(data / "image_caption" / "coco_mini"), Local(2), cut=Cut(rows=40)).counts
    assert counts == {"samples": 139}
    return shelf


def annotated(data: Path, what: str) -> list[dict[str, Any]]:
    """Return a list of all of COCO's files, split by split, each entry with its split."""
    found = []
    for path in sorted((data / "image_caption" / "coco_mini" / "annotations").glob("*.json")):
        split = path.stem.rsplit("_", 1)[1]
        found += [entry | {"split": split, "file": path.name} for entry in json.loads(path.read_text()).get(what, [])]
    return found


def test_every_picture_has_its_captions_in_order_of_their_ids(coco: Shelf, data: Path) -> None:
    said: dict[str, list[str]] = {}
    for one in sorted(annotated(data, "annotations"), key=lambda one: one["id"]):
        if "caption" in one:
            text = one["caption"]
            said.setdefault(f"{one['split']}/{one['image_id']}", []).append(text)
    found = {row["name"]: [p["text"] for p in row["parts"] if p["kind"] == "text"] for row in rows(coco)}
    assert found == said
    assert sum(len(texts) == 5 for texts in found.values()) > 100


def test_pictures_are_the_files_byte_for_byte(coco: Shelf, data: Path) -> None:
    names = {f"{one['split']}/{one['id']}": one for one in annotated(data, "images")}
    for row in rows(coco):
        image = names[row["name"]]
        wanted = (data / "image_caption" / "coco_mini" / image["split"] / image["file_name"]).read_bytes()
        with open(coco.media_url(row["media"]), "rb") as file:
            file.seek(row["offsets"][0])
            assert file.read(row["size_bytes"]) == wanted


def test_boxes_are_notes_of_the_source_with_their_corners(coco: Shelf, data: Path) -> None:
    names = {one["id"]: one["name"] for one in annotated(data, "categories")}
    wanted: dict[str, dict[int, Note]] = {}
    for one in annotated(data, "annotations"):
        if "bbox" in one:
            left, top, width, height = one["bbox"]
            note = Note("object", names[one["category_id"]], Box(0, left, top, left + width, top + height))
            wanted.setdefault(f"{one['split']}/{one['image_id']}", {})[one["id"]] = note
    noted = boxes(coco)
    found = {row["name"]: noted[row["shard"], row["row"]] for row in rows(coco) if (row["shard"], row["row"]) in noted}
    assert found == {name: [by_id[number] for number in sorted(by_id)] for name, by_id in wanted.items()}
    assert sum(map(len, found.values())) > 500


def test_licences_are_named_by_what_their_links_say(coco: Shelf, data: Path) -> None:
    licence_of = {f"{one['split']}/{one['id']}": one["license"] for one in annotated(data, "images")}
    named = {
        1: "CC-BY-NC-SA-2.0",
        2: "CC-BY-NC-2.0",
        3: "CC-BY-NC-ND-2.0",
        4: "CC-BY-2.0",
        5: "CC-BY-SA-2.0",
        6: "CC-BY-ND-2.0",
    }
    found = {row["name"]: row["licence"] for row in rows(coco)}
    assert {name: named.get(licence_of[name]) for name in found} == found
    assert "CC-BY-NC-SA-2.0" in found.values()


def small(folder: Path, picture: Picture, **image: Any) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.jpg").write_bytes(picture(1))
    path = folder / "coco.json"
    path.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.jpg"} | image, {"id": 2, "file_name": "a.jpg"}],
                "annotations": [{"image_id": 1, "id": 3, "caption": "A boat."}],
            }
        )
    )
    return path


def test_one_json_with_a_folder_of_pictures_beside_it_is_a_source(tmp_path: Path, picture: Picture) -> None:
    shelf = Shelf(str(tmp_path / "s"))
    assert ingest(shelf, str(small(tmp_path / "in", picture)), Local(1)).counts == {"samples": 2}
    assert [[part["kind"] for part in row["parts"]] for row in rows(shelf)] == [["image", "text"], ["image"]]


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "link/secret.jpg"])
def test_a_file_name_that_leaves_the_source_is_a_failed_row(tmp_path: Path, picture: Picture, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(picture(2))
    source = small(tmp_path / "in", picture, file_name=name)
    (tmp_path / "in" / "images" / "link").symlink_to(tmp_path)
    shelf = Shelf(str(tmp_path / "s"))
    counts = ingest(shelf, str(source), Local(1)).counts
    assert counts["samples"] == 1 and {*counts} & {"path_leaves_source", "link_leaves_source"}


def written(folder: Path, picture: Picture, **files: Any) -> Path:
    """Write pictures 0.jpg and 1.jpg of the split `val`, and a file of annotations for each name."""
    for name in ("annotations", "val"):
        (folder / name).mkdir(parents=True)
    for n in range(2):
        (folder / "val" / f"{n}.jpg").write_bytes(picture(n))
    for name, content in files.items():
        content = {"images": [{"id": 1, "file_name": "0.jpg"}], "categories": [{"id": 1, "name": "cat"}]} | content
        (folder / "annotations" / f"{name}_val.json").write_text(json.dumps(content))
    return folder


def boxed(left: int, **more: Any) -> dict[str, Any]:
    return {"image_id": 1, "bbox": [left, 0, 5, 5], "category_id": 1} | more


def test_no_box_is_lost_whether_its_id_is_missing_shared_or_beside_a_caption(tmp_path: Path, picture: Picture) -> None:
    one = [boxed(1), boxed(2), boxed(3, id=7), boxed(4, id=7), boxed(5, id=9, caption="The left cat.")]
    again = [boxed(3, id=7), boxed(6, id=7)]
    source = written(tmp_path / "in", picture, instances={"annotations": one}, keypoints={"annotations": again})
    shelf = Shelf(str(tmp_path / "s"))
    assert ingest(shelf, str(source), Local(1)).counts == {"samples": 1}
    [notes] = boxes(shelf).values()
    assert [note.at.left_px for note in notes if isinstance(note.at, Box)] == [1, 2, 3, 4, 6, 5], (
        "what two files tell alike counts once"
    )
    assert [part["text"] for part in rows(shelf)[0]["parts"] if part["kind"] == "text"] == ["The left cat."]


def test_a_second_picture_of_one_id_and_annotations_of_none_are_failed_rows(tmp_path: Path, picture: Picture) -> None:
    images = [{"id": 1, "file_name": "0.jpg"}, {"id": 1, "file_name": "1.jpg"}]
    lost = [{"image_id": 7, "id": 2, "caption": "Nobody's."}, {"image_id": 7, "id": 3, "caption": "Nor this."}]
    source = written(tmp_path / "in", picture, captions={"images": images, "annotations": lost}, instances={})
    shelf = Shelf(str(tmp_path / "s"))
    counts = ingest(shelf, str(source), Local(1), max_failed=1.0).counts
    assert counts == {"samples": 1, "duplicate_id": 1, "unlisted_image": 1}
    [told] = [path.read_text() for path in (tmp_path / "s" / "runs").glob("*/failures.jsonl")]
    assert "1.jpg has the id of 0.jpg" in told and "annotations tell of image 7" in told


def test_a_folder_whose_annotations_are_a_list_is_a_folder(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "captions.json").write_text('[{"video": "a.jpg", "caption": "A boat."}]')
    (tmp_path / "a.jpg").write_bytes(picture(0))
    source, _ = open_source(str(tmp_path), Options())
    assert isinstance(source, Folder)
    (tmp_path / "annotations" / "instances_val.json").write_text(' {"images": [], "annotations": []}')
    source, _ = open_source(str(tmp_path), Options())
    assert isinstance(source, Coco)
