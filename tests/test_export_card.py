"""What an export tells of itself: its card for people and Hugging Face, Croissant and Energon's index for machines."""

from __future__ import annotations

import json
import sqlite3
import struct
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from annotators.header import Header
from filters.image import MinSide
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

HOSTILE = 'CC-BY-4.0 | "mine"\n- not a list `x`'


def export_of(root: Path, picture, licence: str, kinds: tuple[str, ...] = ("JPEG", "PNG"), **options) -> Path:
    (root / "source").mkdir(parents=True)
    for n in range(12):
        (root / "source" / f"{n:02d}.any").write_bytes(picture(n, (16 if n == 3 else 64, 48), kinds[n % len(kinds)]))
    rows = [{"image": f"{n:02d}.any", "caption": f"caption {n}", "licence": licence} for n in range(12)]
    rows.append({"image": "absent.jpg", "caption": "nothing", "licence": licence})
    (root / "source" / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shelf = Shelf(str(root / "shelf"))
    ingest(shelf, str(root / "source" / "list.jsonl"), Local(1))
    run(shelf, Recipe("shapes", Annotate(Header()), Keep(MinSide(px=20))), Local(1))
    export(shelf, "mixed", str(root / "out"), Local(1), ExportOptions(**{"rows": 4, "splits": {"val": 0.3}, **options}))
    return root / "out"


@pytest.fixture(scope="session")
def out(tmp_path_factory, picture) -> Path:
    return export_of(tmp_path_factory.mktemp("card"), picture, "CC-BY-4.0", energon=True)


def front_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def table_of(card: str, heading: str) -> list[list[str]]:
    lines = card[card.index(heading) :].split("\n")
    first = next(n for n, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_front_matter_names_every_shard_under_its_form_and_split(out):
    front = front_of((out / "README.md").read_text())
    named = {
        (config["config_name"], files["split"], str(path.relative_to(out)))
        for config in front["configs"]
        for files in config["data_files"]
        for path in out.glob(files["path"])
    }
    there = {(p.parent.name, p.parent.parent.name, str(p.relative_to(out))) for p in out.glob("*/*/*.tar")}
    assert named == there
    assert front["license"] == ["cc-by-4.0"]


def test_the_funnel_on_the_card_adds_up_at_every_step(out):
    [heading, _, *rows] = table_of((out / "README.md").read_text(), "| step |")
    assert heading == ["step", "in", "kept", "dropped", "failed", "reasons"]
    numbers = [[int(cell) for cell in row[1:5]] for row in rows]
    assert all(came == kept + dropped + failed for came, kept, dropped, failed in numbers)
    assert all(before[1] == after[0] for before, after in pairwise(numbers))
    assert [row[5] for row in rows] == ["file_missing 1", "", "side_too_short 1"]


def test_hostile_words_stay_in_their_cells(tmp_path, picture):
    out = export_of(tmp_path, picture, HOSTILE)
    card = (out / "README.md").read_text()
    assert front_of(card)["license"] == ["other"]
    assert "\n- not a list" not in card
    [_, _, row] = table_of(card, "| licence |")
    assert row[-1] == "11"
    assert json.loads((out / "croissant.json").read_text())["license"] == [HOSTILE]
    assert verify(str(out)).samples == 11


def test_an_opt_out_list_and_licences_are_told(tmp_path, picture):
    (tmp_path / "list").write_text("https://nobody.example\n")
    out = export_of(tmp_path, picture, "CC0-1.0", exclude=str(tmp_path / "list"), licences=("cc0*",))
    card = (out / "README.md").read_text()
    assert "A list of 1 entries was applied" in card and "Only licences like `cc0*` were exported" in card


def test_croissant_describes_the_shards_with_their_digests(out):
    told = json.loads((out / "croissant.json").read_text())
    listed = json.loads((out / "manifest.json").read_text())["files"]
    described = {one["@id"]: one["sha256"] for one in told["distribution"] if one["@type"] == "cr:FileObject"}
    assert described == {f["path"]: f["sha256"] for f in listed if f["path"].endswith((".tar", ".parquet"))}
    assert described


def test_energons_index_finds_every_sample_and_member(out):
    db = sqlite3.connect(out / ".nv-meta" / "index.sqlite")
    tars = sorted(out.glob("*/*/*.tar"))
    for number, path in enumerate(tars):
        data = path.read_bytes()
        begins = [one for (one,) in struct.iter_unpack("<Q", path.with_suffix(".tar.idx").read_bytes())]
        with tarfile.open(path) as tar:
            infos = tar.getmembers()
        keys = list(dict.fromkeys(info.name.split(".")[0] for info in infos))
        found = db.execute(
            "SELECT sample_key, byte_offset, byte_size FROM samples WHERE tar_file_id = ? ORDER BY sample_index",
            [number],
        ).fetchall()
        assert [key for key, _, _ in found] == keys
        assert [offset for _, offset, _ in found] == begins[:-1]
        assert all(data[offset:].startswith(key.encode()) for key, offset, _ in found)
        assert begins[-1] == found[-1][1] + found[-1][2] == len(data) - 1024
        parts = db.execute(
            "SELECT part_name, content_byte_offset, content_byte_size FROM sample_parts WHERE tar_file_id = ? "
            "ORDER BY sample_index, content_byte_offset",
            [number],
        ).fetchall()
        assert parts == [(info.name.split(".", 1)[1], info.offset_data, info.size) for info in infos]


def test_energons_splits_are_ours_with_an_empty_test_split(out):
    splits = yaml.safe_load((out / ".nv-meta" / "split.yaml").read_text())["split_parts"]
    assert splits["test"] == []
    assert splits["train"] + splits["val"] == [str(path.relative_to(out)) for path in sorted(out.glob("*/*/*.tar"))]
    assert yaml.safe_load((out / ".nv-meta" / "dataset.yaml").read_text())["field_map"]["image"] == "jpg,png"
