"""Hugging Face parquet by its documented layout: bytes as they are, what the schema says of its columns, and faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.ingest.cells import CellReader
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.ingest.row import Cell
from pipelines.ingest.source import Options
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, Unavailable

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
IMAGE, TEXT = {"_type": "Image"}, {"dtype": "string", "_type": "Value"}
Picture = Callable[..., bytes]


def written(path: Path, features: dict[str, Any] | None, group_rows: int = 3, **columns: pa.Array) -> Path:
    """Write a parquet file as `datasets` does: what its columns are stands in the schema's metadata."""
    told = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if features is not None else None
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(told), path, row_group_size=group_rows)
    return path


def cells(*contents: bytes | None, path: str | None = "x.jpg") -> pa.Array:
    return pa.array([{"bytes": content, "path": path} for content in contents], PICTURE)


def rows(shelf: Shelf) -> list[dict[str, Any]]:
    """Return the catalogue's rows in order, each with its texts by role and its pictures as the tar has them."""
    found = []
    for shard in shelf.shards():
        tar = Path(shelf.path("media", f"{shard}.tar")).read_bytes()
        for row in shelf.catalog(shard).to_pylist():
            parts = json.loads(row["parts"])
            media = [part for part in parts if part["kind"] == "image"]
            row["texts"] = [(part.get("role", "caption"), part["text"]) for part in parts if part["kind"] == "text"]
            starts = zip(row["offsets"], media, strict=True)
            row["pictures"] = [tar[start : start + part["size_bytes"]] for start, part in starts]
            found.append(row)
    return found


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "shelf"))


def test_pictures_come_byte_for_byte_with_texts_labels_and_the_rest(
    shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    pictures = [picture(n, kind=("JPEG", "PNG")[n % 2]) for n in range(8)]
    features = {
        "image": IMAGE,
        "caption": TEXT,
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
        "license": TEXT,
        "score": {"dtype": "float64", "_type": "Value"},
    }
    source = written(
        tmp_path / "train-00000-of-00001.parquet",
        features,
        image=cells(*pictures),
        caption=pa.array([f"caption {n}" for n in range(8)]),
        label=pa.array([0, 1, -1, 0, 1, 0, 1, 2]),
        license=pa.array(["CC0-1.0", None] * 4),
        score=pa.array([n / 2 for n in range(8)]),
    )
    ingest(shelf, str(source), Local(1), licence="CC-BY-4.0", cut=Cut(rows=5))
    found = rows(shelf)
    assert [row["pictures"] for row in found] == [[content] for content in pictures]
    assert [row["name"] for row in found] == [f"{source.name}/{n:09d}" for n in range(8)]
    labels = ["cat", "dog", "", "cat", "dog", "cat", "dog", ""]
    assert [row["texts"] for row in found] == [
        [("caption", f"caption {n}"), *([("label", label)] if label else [])] for n, label in enumerate(labels)
    ]
    assert [row["licence"] for row in found] == ["CC0-1.0", "CC-BY-4.0"] * 4
    assert json.loads(found[7]["meta"]) == {"label": 2, "score": 3.5}
    assert [json.loads(row["parts"])[0]["extension"] for row in found] == ["jpg", "png"] * 4


def test_what_the_schema_says_decides_which_columns_hold_pictures(
    shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    one = picture(1)
    sounds = pa.array([{"bytes": b"RIFF", "path": "a.wav"}], PICTURE)
    plain = {"pic": cells(one), "sound": sounds, "words": pa.array(["said"])}
    told = {"pic": IMAGE, "sound": {"_type": "Audio"}, "words": TEXT}
    ingest(shelf, str(written(tmp_path / "told.parquet", told, **plain)), Local(1), Options(caption_column="words"))
    assert [(row["pictures"], row["texts"], row["meta"]) for row in rows(shelf)] == [([one], [("caption", "said")], "")]
    untold = Shelf(str(tmp_path / "untold"))
    ingest(untold, str(written(tmp_path / "untold.parquet", None, **plain)), Local(1), Options(image_column="pic"))
    assert [row["pictures"] for row in rows(untold)] == [[one]]


@pytest.mark.parametrize(
    "feature", [[IMAGE], {"feature": IMAGE, "_type": "Sequence"}, {"feature": IMAGE, "_type": "List"}]
)
def test_a_cell_may_hold_several_pictures(shelf: Shelf, tmp_path: Path, picture: Picture, feature: Any) -> None:
    several = [[picture(1), picture(2)], [picture(3)]]
    listed = [[{"bytes": content, "path": None} for content in row] for row in several]
    source = written(tmp_path / "x.parquet", {"images": feature}, images=pa.array(listed, pa.list_(PICTURE)))
    ingest(shelf, str(source), Local(1))
    assert [row["pictures"] for row in rows(shelf)] == several


def test_several_columns_of_pictures_and_of_texts_are_all_taken(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    columns = {
        "left": cells(picture(1)),
        "said": pa.array(["one"]),
        "right": cells(picture(2)),
        "more": pa.array([["two", "three"]]),
    }
    source = written(tmp_path / "x.parquet", {"left": IMAGE, "right": IMAGE}, **columns)
    ingest(shelf, str(source), Local(1), Options(caption_column="said,more"))
    [row] = rows(shelf)
    assert row["pictures"] == [picture(1), picture(2)]
    assert row["texts"] == [("caption", "one"), ("caption", "two"), ("caption", "three")]


def test_files_of_a_folder_come_in_order_and_of_one_split(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    for number in (1, 0):
        for split in ("train", "test"):
            name = f"{split}-{number:05d}-of-00002.parquet"
            ids = pa.array([f"{split}{number}{letter}" for letter in "ab"])
            pictures = cells(picture(number), picture(number + 7))
            written(tmp_path / "repo" / "data" / name, {"image": IMAGE}, image=pictures, id=ids)
    (tmp_path / "repo" / "README.md").write_text("# A dataset")
    ingest(shelf, str(tmp_path / "repo"), Local(1), Options(split="train"))
    assert [row["name"] for row in rows(shelf)] == ["train0a", "train0b", "train1a", "train1b"]
    whole = Shelf(str(tmp_path / "whole"))
    ingest(whole, str(tmp_path / "repo"), Local(1))
    assert [row["name"] for row in rows(whole)] == [f"{s}{n}{c}" for s in ("test", "train") for n in "01" for c in "ab"]
    with pytest.raises(BadInput, match="no parquet files of split 'valid'"):
        ingest(Shelf(str(tmp_path / "none")), str(tmp_path / "repo"), Local(1), Options(split="valid"))


def test_a_cell_without_a_picture_is_one_failed_row(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    good = picture(1)
    values = [
        {"bytes": good, "path": None},
        {"bytes": None, "path": "elsewhere/a.jpg"},
        None,
        {"bytes": b"", "path": None},
        {"bytes": b"<html>no picture</html>", "path": "a.jpg"},
        {"bytes": good, "path": "b.jpg"},
    ]
    source = written(tmp_path / "x.parquet", {"image": IMAGE}, image=pa.array(values, PICTURE))
    ingest(shelf, str(source), Local(1), max_failed=1.0)
    found = rows(shelf)
    wanted = ["", "no_image_bytes", "no_image_bytes", "empty_file", "unknown_format", ""]
    assert [row["failed"] for row in found] == wanted
    assert [row["pictures"] for row in found] == [[good], [], [], [], [], [good]]


def test_a_list_without_a_picture_is_one_failed_row(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    good = {"bytes": picture(1), "path": None}
    values = pa.array([[good], [], None, [good, None], [good, {"bytes": None, "path": "a"}], [good]], pa.list_(PICTURE))
    ingest(shelf, str(written(tmp_path / "x.parquet", {"images": [IMAGE]}, images=values)), Local(1), max_failed=1.0)
    assert [row["failed"] for row in rows(shelf)] == ["", *["no_image_bytes"] * 4, ""]


def test_shards_that_begin_inside_a_row_group_are_the_same_bytes(
    tmp_path: Path, picture: Picture, tree_digest: Callable[..., dict[str, str]]
) -> None:
    pictures = [picture(n) for n in range(45)]
    sources = [
        written(tmp_path / f"{group_rows}" / "x.parquet", {"image": IMAGE}, group_rows, image=cells(*pictures))
        for group_rows in (4, 100)
    ]
    for source in sources:
        shelf = Shelf(str(source.parent / "shelf"))
        ingest(shelf, str(source), Local(1), cut=Cut(rows=7))
        assert [row["pictures"] for row in rows(shelf)] == [[content] for content in pictures]
    digests = [tree_digest(source.parent / "shelf" / "media") for source in sources]
    assert digests[0] == digests[1] and len(digests[0]) == 7


def test_cells_are_read_in_any_order_and_of_several_files(tmp_path: Path, picture: Picture) -> None:
    columns = {"left": [picture(n) for n in range(45)], "right": [picture(n + 45) for n in range(45)]}
    arrays = {column: cells(*contents) for column, contents in columns.items()}
    urls = [str(written(tmp_path / f"{group_rows}.parquet", None, group_rows, **arrays)) for group_rows in (4, 100)]
    with closing(CellReader()) as read:
        for row in (17, 18, 3, 44, 0, 40, 40, 21):
            for url in urls:
                for column, contents in columns.items():
                    assert read(Cell(url, column, row)) == [contents[row]]


def test_a_file_without_pictures_or_a_broken_one_is_refused(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    words = written(tmp_path / "words.parquet", {"caption": TEXT}, caption=pa.array(["a"]))
    with pytest.raises(BadInput, match=r"no column holds pictures; the columns are caption"):
        ingest(shelf, str(words), Local(1), kind="huggingface")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and so on PAR1")
    with pytest.raises(BadInput, match="not a parquet file"):
        ingest(shelf, str(tmp_path / "broken.parquet"), Local(1), kind="huggingface")
    source = written(tmp_path / "x.parquet", {"image": IMAGE}, image=cells(*[picture(n) for n in range(6)]))
    middle = bytearray(source.read_bytes())
    middle[4:400] = bytes(396)
    source.write_bytes(bytes(middle))
    with pytest.raises(Unavailable, match=r"x\.parquet: cannot be read"):
        ingest(shelf, str(source), Local(1))
    assert not shelf.shards()
