"""Manifests with faults, and what is no source at all: a failed row with its reason, or a clear refusal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

CAPTION = "A small wooden boat rests on the shore of a quiet lake."
Curate = Callable[..., dict[str, tuple[str, str, str]]]
Picture = Callable[..., bytes]


def test_what_holds_no_sample_is_refused_with_a_reason(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.tar").write_bytes(b"")
    (tmp_path / "zeros.tar").write_bytes(b"\0" * 10240)
    (tmp_path / "noise.tar").write_bytes(os.urandom(5000))
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "words.jsonl").write_bytes(b"these\nare\nwords\n")
    (tmp_path / "empty.csv").write_bytes(b"image,caption\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and so on PAR1")
    (tmp_path / "broken.json").write_bytes(b'{"images": 3}')
    (tmp_path / "notes.docx").write_bytes(b"PK")
    (tmp_path / "links.csv").write_text("url,caption\nhttp://a/b.jpg,hello\n")
    (tmp_path / "lost.jsonl").write_text('{"image": "nowhere.jpg"}\n' * 3)
    wanted = {
        "nothing": "nothing is there",
        "empty": "no pictures or videos",
        "empty.tar": "no tar",
        "zeros.tar": "no samples in it",
        "noise.tar": "tar",
        "empty.jsonl": "no rows",
        "words.jsonl": "none of its first 3 rows is a record",
        "empty.csv": "no rows",
        "broken.parquet": "not a parquet file",
        "broken.json": "not COCO json",
        "notes.docx": "a docx is no source",
        "links.csv": "url holds links",
        "lost.jsonl": "none of its 3 rows can be a sample, the first because of file_missing",
    }
    for name, what in wanted.items():
        with pytest.raises(BadInput, match=what) as refused:
            ingest(Shelf(str(tmp_path / "s")), str(tmp_path / name), Local(1))
        assert name in str(refused.value), "the error says where"
    assert Shelf(str(tmp_path / "s")).planned() == [] and not (tmp_path / "s" / "sources").exists()


def test_a_column_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "m.csv").write_text("picture,words\na.jpg,a boat\n")
    for options in (Options(), Options(image_column="photo"), Options(image_column="picture", caption_column="text")):
        with pytest.raises(BadInput, match="the columns are picture, words"):
            ingest(Shelf(str(tmp_path / "s")), str(tmp_path / "m.csv"), Local(1), options)


def test_nan_in_a_parquet_is_nothing_said(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    rows = pa.table(
        {
            "image": pa.array(["a.jpg", "a.jpg", None]),
            "caption": pa.array([float("nan"), 2.5, 1.0]),
            "score": pa.array([float("nan"), 0.5, 0.5]),
            "id": pa.array(["x", "y", "z"]),
        }
    )
    pq.write_table(rows, tmp_path / "m.parquet")
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "m.parquet"), Local(1))
    catalog = shelf.catalog("000000").to_pydict()
    assert catalog["name"] == ["x", "y", "z"]
    assert catalog["texts"] == [0, 1, 0]
    assert catalog["meta"] == ["", '{"score":0.5}', ""]
    assert catalog["failed"] == ["", "", "no_image_path"]


def test_nan_in_a_json_beside_a_picture_is_null(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "a.json").write_text('{"caption": "a boat", "similarity": NaN}')
    (tmp_path / "b.jpg").write_bytes(picture(2))
    (tmp_path / "b.json").write_text("[" * 100_000)
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path), Local(1))
    catalog = shelf.catalog("000000").to_pydict()
    assert catalog["meta"] == ['{"caption":"a boat","similarity":null}', ""]
    assert catalog["failed"] == ["", "json_unreadable"]


def test_lines_that_are_no_records_are_failed_rows(curate: Curate, tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "m.jsonl").write_bytes(
        b'{"image": "a.jpg"}\n[1, 2]\n{"image": \n{"image": "\xff.jpg"}\n{"caption": "no picture"}\n'
        b'{"image": "../a.jpg"}\n{"image": "/etc/passwd"}\n{"image": "a\\u0000.jpg"}\n'
        b'{"image": "a.jpg", "id": "x\\u0000y"}\n'
    )
    found = curate(Shelf(str(tmp_path / "s")), tmp_path / "m.jsonl")
    assert [said[2] for said in found.values()] == [
        "",
        "not_a_record",
        "json_unreadable",
        "json_unreadable",
        "no_image_path",
        "path_leaves_source",
        "path_leaves_source",
        "no_image_path",
        "",
    ]


def test_text_that_is_not_utf8_fails_its_row_in_csv_and_parquet_alike(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "m.csv").write_bytes(b"id,image,caption,other\n1,a.jpg,caf\xe9,x\n2,a.jpg,boat,\xe9\n3,a.jpg,boat,x\n")
    captions = pa.StringArray.from_buffers(
        3, pa.py_buffer(np.array([0, 4, 8, 12], np.int32)), pa.py_buffer(b"caf\xe9boatlake")
    )
    pq.write_table(pa.table({"image": ["a.jpg"] * 3, "caption": captions}), tmp_path / "m.parquet")
    failed = {}
    for name in ("m.csv", "m.parquet"):
        shelf = Shelf(str(tmp_path / f"{name}-shelf"))
        ingest(shelf, str(tmp_path / name), Local(1))
        failed[name] = shelf.catalog("000000")["failed"].to_pylist()
    assert failed == {"m.csv": ["text_not_utf8", "text_not_utf8", ""], "m.parquet": ["text_not_utf8", "", ""]}


def test_a_row_with_more_columns_than_the_header_is_a_failed_row(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "m.csv").write_text("image,caption\na.jpg,boat\na.jpg,boat,lake\na.jpg\n")
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "m.csv"), Local(1))
    assert shelf.catalog("000000")["failed"].to_pylist() == ["", "too_many_columns", ""]


def test_duplicate_ids_in_a_manifest_keep_the_first_and_fail_the_others(
    curate: Curate, tmp_path: Path, picture: Picture
) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    (tmp_path / "m.jsonl").write_text("".join(f'{{"id": "same", "image": "{n}.jpg"}}\n' for n in range(3)))
    found = curate(Shelf(str(tmp_path / "s")), tmp_path / "m.jsonl")
    again = ("failed", "ingest", "duplicate_id")
    assert found == {"same": ("kept", "kept", ""), "same#2": again, "same#3": again}
