"""The door in, from a manifest: jsonl, csv, tsv and parquet that say the same become the same samples."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.shelf.shelf import Shelf

Picture = Callable[..., bytes]

RECORDS = [
    {"id": "a", "image": "p/a.jpg", "caption": 'A boat, "red".', "license": "CC0-1.0", "url": "http://x/a", "n": "1"},
    {"id": "b", "image": "p/b.jpg", "caption": "Zwei Zeilen\nund ein Umlaut: ä", "license": "", "url": "", "n": "2"},
]


@pytest.fixture
def folder(tmp_path: Path, picture: Picture) -> Path:
    (tmp_path / "p").mkdir()
    for seed, name in enumerate("abc"):
        (tmp_path / "p" / f"{name}.jpg").write_bytes(picture(seed))
    return tmp_path


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    kind = path.suffix[1:]
    if kind == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]), delimiter="\t" if kind == "tsv" else ",")
            writer.writeheader()
            writer.writerows(records)
    return path


def rows(source: Path, options: Options = Options(), dataset: str = "d") -> list[dict[str, Any]]:
    shelf = Shelf(f"{source}-shelf")
    ingest(shelf, str(source), Local(1), options, dataset=dataset)
    found = [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    return [row | {"parts": msgspec.json.decode(row["parts"])} for row in found]


def said(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(part["role"], part["text"]) for part in row["parts"] if part["kind"] == "text"]


def test_every_kind_of_manifest_gives_the_same_samples(folder: Path) -> None:
    found = {kind: rows(written(folder / f"m.{kind}", RECORDS)) for kind in ("jsonl", "csv", "tsv", "parquet")}
    for kind in ("csv", "tsv", "parquet"):
        assert found[kind] == found["jsonl"], kind
    first, second = found["jsonl"]
    assert (first["name"], first["uri"], first["licence"], first["meta"]) == ("a", "http://x/a", "CC0-1.0", '{"n":"1"}')
    assert said(first) == [("caption", 'A boat, "red".')]
    assert said(second) == [("caption", "Zwei Zeilen\nund ein Umlaut: ä")]


def test_columns_are_found_by_the_names_that_others_give_them(folder: Path) -> None:
    records = [{"file_name": "p/a.jpg", "TEXT": "A boat.", "alt": "boat", "uid": 7, "score": 0.5}]
    [row] = rows(written(folder / "m.jsonl", records))
    assert said(row) == [("caption", "A boat."), ("alt", "boat")]
    assert (row["name"], row["meta"]) == ("7", '{"score":0.5}')


def test_columns_are_the_ones_that_the_user_names(folder: Path) -> None:
    records = [{"image": "p/b.jpg", "photo": "p/a.jpg", "caption": "no", "words": ["A boat.", "A lake."], "nr": 3}]
    options = Options(image_column="photo", caption_column="words", id_column="nr")
    [row] = rows(written(folder / "m.jsonl", records), options)
    assert said(row) == [("caption", "A boat."), ("caption", "A lake.")]
    assert row["name"] == "3" and json.loads(row["meta"]) == {"image": "p/b.jpg", "caption": "no"}


def test_a_row_may_name_several_pictures_and_the_rows_need_not_all_have_the_same_columns(folder: Path) -> None:
    records = [{"images": ["p/a.jpg", "p/b.jpg"]}, {"images": ["p/c.jpg"], "text": "A lake."}]
    first, second = rows(written(folder / "m.jsonl", records))
    assert (first["images"], len(first["offsets"]), said(first)) == (2, 2, [])
    assert (second["images"], said(second)) == (1, [("caption", "A lake.")])
    assert [first["name"], second["name"]] == ["line-000000001", "line-000000002"]
    tar = Path(f"{folder}/m.jsonl-shelf/media/000000.tar").read_bytes()
    sizes = [part["size_bytes"] for part in first["parts"]]
    contents = [tar[start : start + size] for start, size in zip(first["offsets"], sizes, strict=True)]
    assert contents == [(folder / "p" / name).read_bytes() for name in ("a.jpg", "b.jpg")]


def test_paths_start_at_the_root_or_are_base_names_beside_the_manifest(folder: Path) -> None:
    (folder / "lists").mkdir()
    records = [{"image": "p/a.jpg"}]
    assert [
        row["failed"] for row in rows(written(folder / "lists" / "m.jsonl", records), Options(root=str(folder)))
    ] == [""]
    foreign = written(folder / "p" / "m.jsonl", [{"image": "../../somewhere/else/a.jpg"}])
    assert [row["failed"] for row in rows(foreign, Options(base_names=True))] == [""]


def test_marks_of_other_tools_in_a_caption_go(folder: Path) -> None:
    [row] = rows(written(folder / "m.jsonl", [{"image": "p/a.jpg", "text": "<__dj__image> A boat. <|__dj__eoc|>"}]))
    assert said(row) == [("caption", "A boat.")]


def test_openstax_figures_come_in_with_their_root(data: Path, tmp_path: Path) -> None:
    for name, count in (("astronomy", 63), ("psychology", 70)):
        source = data / "image_caption" / f"openstax_{name}_figures.jsonl"
        shelf = Shelf(str(tmp_path / name))
        assert ingest(shelf, str(source), Local(1), Options(root=str(data))).counts == {"samples": count}
        lines = [json.loads(line) for line in source.read_text().splitlines()]
        catalog = shelf.catalog("000000").to_pydict()
        for line, parts, meta in zip(lines, catalog["parts"], catalog["meta"], strict=True):
            found = [part["text"] for part in msgspec.json.decode(parts) if part["kind"] == "text"]
            assert found == [text.strip(" ") for text in (line["caption"], line["alt"]) if text]
            assert json.loads(meta)["figure_id"] == line["figure_id"]


def test_data_juicer_comes_in_by_base_names(data: Path, tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "s"))
    source = data / "image_caption" / "data_juicer" / "demo-dataset-images.jsonl"
    assert ingest(shelf, str(source), Local(1), Options(base_names=True)).counts == {"samples": 3}
    parts = [msgspec.json.decode(parts) for parts in shelf.catalog("000000")["parts"].to_pylist()]
    assert [part["text"] for row in parts for part in row if part["kind"] == "text"][:2] == [
        "A comfortable bed.",
        "A bus.",
    ]
