"""The door in, from a folder: what lies beside a picture comes with it, and a grown folder appends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import features

from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.ingest import door
from pipelines.ingest.ingest import Ingested, ingest
from pipelines.ingest.plan import Cut
from pipelines.shelf.shelf import Shelf
from schemas import form
from schemas.tar import by_extension, group, scan

Picture = Callable[..., bytes]
Digest = Callable[..., dict[str, str]]


def rows(shelf: Shelf) -> dict[str, dict[str, Any]]:
    """Return the catalogue's rows by their names, parts decoded."""
    found = [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    return {row["name"]: row | {"parts": msgspec.json.decode(row["parts"])} for row in found}


def texts(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(part["role"], part["text"]) for part in row["parts"] if part["kind"] == "text"]


def test_texts_and_json_beside_a_picture_become_its_texts_and_facts(tmp_path: Path, picture: Picture) -> None:
    source = tmp_path / "photos"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "a.b.JPG").write_bytes(picture(1))
    (source / "deep" / "er" / "a.b.TXT").write_text("\ufeffA boat.\r\n")
    (source / "deep" / "er" / "a.b.cls").write_text("3")
    told = '{"caption": "A boat.", "texts": ["A lake."], "url": "http://x/a", "license": "CC0-1.0", "n": 1}'
    (source / "deep" / "er" / "a.b.json").write_text(told)
    (source / "plain.png").write_bytes(picture(2, kind="PNG"))
    (source / "readme.md").write_text("no picture")
    (source / ".thumbs.jpg").write_bytes(picture(3))
    shelf = Shelf(str(tmp_path / "s"))
    assert ingest(shelf, str(source), Local(1), licence="CC-BY-4.0") == Ingested(2, 2, {"samples": 2})
    found = rows(shelf)
    assert list(found) == ["deep/er/a.b.JPG", "plain.png"]
    told_of, plain = found.values()
    assert texts(told_of) == [("caption", "A boat."), ("caption", "A lake."), ("label", "3")]
    assert (told_of["uri"], told_of["licence"], told_of["meta"]) == ("http://x/a", "CC0-1.0", told)
    assert (plain["uri"], plain["licence"], plain["meta"], texts(plain)) == ("", "CC-BY-4.0", "", [])
    assert [part["extension"] for row in found.values() for part in row["parts"][:1]] == ["jpg", "png"]
    assert {row["dataset"] for row in found.values()} == {"photos"}


def test_a_shard_reads_back_as_the_files_that_went_in(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "in").mkdir()
    files = {f"{n}.{kind.lower()}": picture(n, kind=kind) for n, kind in enumerate(("JPEG", "PNG", "WEBP", "GIF"))}
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1))
    tar = Path(shelf.path("media", "000000.tar")).read_bytes()
    found = {}
    for key, members in group(scan(tar)):
        sample, contents = form.read(
            {end: tar[m.offset : m.offset + m.size_bytes] for end, m in by_extension(members).items()}
        )
        assert sample.key == key
        found[sample.source.row] = contents[0]
    assert found == files


def test_a_key_is_of_dataset_name_and_content_and_not_of_where_the_folder_lies(
    tmp_path: Path, picture: Picture
) -> None:
    keys = {}
    for place in ("here", "elsewhere/below"):
        (tmp_path / place / "in").mkdir(parents=True)
        for name in ("a.jpg", "copy.jpg"):
            (tmp_path / place / "in" / name).write_bytes(picture(1))
        shelf = Shelf(str(tmp_path / place / "s"))
        ingest(shelf, str(tmp_path / place / "in"), Local(1))
        keys[place] = [row["key"] for row in rows(shelf).values()]
        assert len({row["digest"] for row in rows(shelf).values()}) == 1
    assert keys["here"] == keys["elsewhere/below"] and len(set(keys["here"])) == 2


def test_a_grown_source_appends_shards_and_leaves_the_old_ones(
    tmp_path: Path, picture: Picture, tree_digest: Digest
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for n in range(0, 14, 2):
        (source / f"{n:02d}.jpg").write_bytes(picture(n))
    shelf = Shelf(str(tmp_path / "s"))
    assert ingest(shelf, str(source), Local(1), cut=Cut(rows=3)) == Ingested(7, 7, {"samples": 7})
    before = tree_digest(tmp_path / "s")
    assert ingest(shelf, str(source), Local(1), cut=Cut(rows=3)).new == 0
    assert tree_digest(tmp_path / "s") == before, "the same source again changes nothing"
    for n in range(1, 9, 2):
        (source / f"{n:02d}.jpg").write_bytes(picture(n))
    (source / "00.jpg").unlink()
    assert ingest(shelf, str(source), Local(2), cut=Cut(rows=3)) == Ingested(10, 4, {"samples": 11})
    after = tree_digest(tmp_path / "s")
    assert before.items() <= after.items()
    assert shelf.shards() == [f"{n:06d}" for n in range(5)]
    assert list(rows(shelf))[7:] == [f"{n:02d}.jpg" for n in range(1, 9, 2)]


def test_a_shard_ends_at_so_many_mib(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n in range(4):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([n]) * 600_000)
    (tmp_path / "in" / "3.txt").write_text("a" * 600_000)
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1), cut=Cut(mib=1))
    assert [shelf.catalog(shard).num_rows for shard in shelf.shards()] == [1, 1, 1, 1]
    ingest(shelf, str(tmp_path / "in"), Local(1), dataset="two", cut=Cut(mib=2))
    assert [shelf.catalog(shard).num_rows for shard in shelf.shards()[4:]] == [3, 1]


def test_a_file_that_changes_or_goes_between_plan_and_copy_is_a_failed_row(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for n in range(3):
        (source / f"{n}.jpg").write_bytes(picture(n))
    shelf = Shelf(str(tmp_path / "s"))

    class Changing(Local, frozen=True):
        def map(self, work: Any, shards: Any) -> Any:
            (source / "0.jpg").write_bytes(picture(7, size=(99, 66)))
            (source / "1.jpg").unlink()
            return Local(1).map(work, shards)

    assert ingest(shelf, str(source), Changing()).counts == {"changed_since_listed": 2, "samples": 1}


def test_two_datasets_on_one_shelf_keep_their_own_rows_and_ways(tmp_path: Path, picture: Picture) -> None:
    shelf = Shelf(str(tmp_path / "s"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(picture(1))

    class Dying(Local, frozen=True):
        def map(self, work: Any, shards: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(shelf, str(tmp_path / "one"), Dying(), licence="CC0-1.0")
    assert ingest(shelf, str(tmp_path / "two"), Local(1), licence="CC-BY-4.0").counts == {"samples": 1}
    assert shelf.shards() == ["000001"], "another source's shards are left to its own ingest"
    ingest(shelf, str(tmp_path / "one"), Local(1), licence="CC0-1.0")
    found = [shelf.catalog(shard).to_pylist()[0] for shard in shelf.shards()]
    assert [(row["dataset"], row["licence"]) for row in found] == [("one", "CC0-1.0"), ("two", "CC-BY-4.0")]


def test_a_picture_that_nobody_reads_is_a_failed_row_and_avif_is_a_picture(tmp_path: Path, picture: Picture) -> None:
    heic = (24).to_bytes(4, "big") + b"ftypheic\0\0\0\0mif1heic" + b"\0" * 64
    files = {"a.heic": heic, "b.jpg": heic, "c.jxl": b"\xff\x0a", "d.svg": b"<svg/>", "e.HEIF": picture(1)}
    if features.check("avif"):
        files["f.avif"] = picture(2, kind="AVIF")
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1))
    found = {name: (row["failed"], row["images"], row["videos"]) for name, row in rows(shelf).items()}
    assert found == {name: ("unknown_format", 0, 0) if name[0] in "abcd" else ("", 1, 0) for name in files}
    [told] = [path.read_text() for path in (tmp_path / "s" / "runs").glob("*/failures.jsonl")]
    assert "b.jpg begins with b'\\\\x00\\\\x00\\\\x00\\\\x18ftypheic'" in told


def test_a_file_too_large_to_be_held_in_memory_is_a_failed_row(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "just.jpg").write_bytes(picture(1))
    (source / "over.jpg").write_bytes(picture(1) + b"\0")
    monkeypatch.setattr(door, "MOST_BYTES", len(picture(1)))
    shelf = Shelf(str(tmp_path / "s"))
    assert ingest(shelf, str(source), Local(1)).counts == {"samples": 1, "too_large": 1}


def test_a_manifest_in_a_folder_that_nobody_asked_to_read_is_told(
    tmp_path: Path, picture: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jpg").write_bytes(picture(1))
    (source / "list.jsonl").write_text('{"image": "a.jpg", "caption": "noise"}\n')
    main(["ingest", str(source), "--shelf", str(tmp_path / "s")])
    said = " ".join(capsys.readouterr().out.split())
    assert f"not read: {source}/list.jsonl; " in said and f"`ostraka ingest {source}/list.jsonl`" in said
