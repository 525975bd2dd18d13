"""The door in, from WebDataset tars: what webdataset reads is what comes in, byte for byte."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotators.header import Header
from annotators.pixels import Pixels
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.ingest.source import Options
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, Unavailable

Picture = Callable[..., bytes]
TEXTS = {"txt": "caption", "caption": "caption", "text": "caption", "cls": "label"}


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def rows(shelf: Shelf) -> list[dict[str, Any]]:
    found = [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    return [row | {"parts": msgspec.json.decode(row["parts"])} for row in found]


def contents(shelf: Shelf, row: dict[str, Any]) -> list[bytes]:
    """Read a sample's pictures and videos where the catalogue says that they lie."""
    sizes = [part["size_bytes"] for part in row["parts"] if part["kind"] != "text"]
    if not sizes:
        return []
    data = Path(shelf.media_url(row["media"])).read_bytes()
    return [data[start : start + size] for start, size in zip(row["offsets"], sizes, strict=True)]


def texts(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(part["role"], part["text"]) for part in row["parts"] if part["kind"] == "text"]


def peer(path: Path) -> dict[str, dict[str, bytes]]:
    """Return webdataset's samples: members' bytes by extension, by key."""
    samples = webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False)
    return {
        sample["__key__"]: {name: data for name, data in sample.items() if not name.startswith("__")}
        for sample in samples
    }


def same_as_peer(shelf: Shelf, source: Path) -> None:
    expected = peer(source)
    found = {row["name"].removeprefix(f"{source.name}/"): row for row in rows(shelf)}
    assert list(found) == list(expected)
    for key, members in expected.items():
        media = [data for end, data in members.items() if end.rsplit(".", 1)[-1] in ("jpg", "png", "mp4", "webm")]
        assert contents(shelf, found[key]) == media
        said = [(TEXTS[end], data.decode().strip("\r\n")) for end, data in members.items() if end in TEXTS]
        assert texts(found[key])[: len(said)] == said


@pytest.fixture
def img2dataset(tmp_path: Path, picture: Picture) -> Path:
    """A tar as img2dataset writes it: key.jpg, key.json, key.txt."""
    path = tmp_path / "00000.tar"
    with tarfile.open(path, "w") as tar:
        for n in range(12):
            told = {"caption": f"Boat {n}", "url": f"http://x/{n}.jpg", "key": f"{n:09d}", "status": "success"}
            add(tar, f"{n:09d}.jpg", picture(n))
            add(tar, f"{n:09d}.json", msgspec.json.encode(told))
            add(tar, f"{n:09d}.txt", f"Boat {n}\n".encode())
    return path


def test_a_tar_of_img2dataset_comes_in_with_links_and_one_text_each(img2dataset: Path, tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(img2dataset), Local(1), cut=Cut(rows=5))
    same_as_peer(shelf, img2dataset)
    assert [texts(row) for row in rows(shelf)] == [[("caption", f"Boat {n}")] for n in range(12)]
    assert [row["uri"] for row in rows(shelf)] == [f"http://x/{n}.jpg" for n in range(12)]
    assert all(msgspec.json.decode(row["meta"])["status"] == "success" for row in rows(shelf))


def test_tars_of_a_folder_come_in_by_name_an_empty_one_too_and_what_lies_beside_does_not(
    img2dataset: Path, tmp_path: Path
) -> None:
    shutil.copy(img2dataset, tmp_path / "00001.tar")
    (tmp_path / "00000_stats.json").write_text("{}")
    (tmp_path / "README.md").write_text("a corpus")
    with tarfile.open(tmp_path / "00002.tar", "w"):
        pass
    shelf = Shelf(str(tmp_path / "s"))
    assert ingest(shelf, str(tmp_path), Local(1), dataset="d").counts == {"samples": 24}
    assert [row["name"] for row in rows(shelf)][11:13] == ["00000.tar/000000011", "00001.tar/000000000"]


def test_real_tars_give_webdatasets_own_samples(data: Path, tmp_path: Path) -> None:
    folder = data / "image_caption" / "webdataset_shards"
    for name, counts in (("video2dataset_return_all_test.tar", 6), ("webdataset_sample.tgz", 90)):
        shelf = Shelf(str(tmp_path / name))
        assert ingest(shelf, str(folder / name), Local(1)).counts == {"samples": counts}
        same_as_peer(shelf, folder / name)
    found = rows(Shelf(str(tmp_path / "video2dataset_return_all_test.tar")))
    assert [row["videos"] for row in found] == [0, 0, 0, 1, 1, 1], "three are JPEG, whatever they are called"
    assert msgspec.json.decode(found[3]["meta"])["key"] == "0000008_00001" == found[3]["name"].rsplit("/", 1)[1]


def test_a_tar_without_picture_text_or_video_is_refused_with_a_reason(data: Path, tmp_path: Path) -> None:
    source = data / "image_caption" / "webdataset_shards" / "webdataset_mpdata.tar"
    with pytest.raises(BadInput, match=r"no sample holds a picture, a text or a video: members end in mp;"):
        ingest(Shelf(str(tmp_path / "s")), str(source), Local(1))


def test_a_compressed_tar_gives_the_samples_of_the_plain_one(img2dataset: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed" / "00000.tar.gz"
    packed.parent.mkdir()
    with tarfile.open(packed, "w:gz") as target, tarfile.open(img2dataset) as tar:
        for info in tar:
            target.addfile(info, tar.extractfile(info))
    found = {}
    for source in (img2dataset, packed):
        shelf = Shelf(f"{source}-shelf")
        ingest(shelf, str(source), Local(1), dataset="d")
        found[source] = [(row["digest"], texts(row), contents(shelf, row)) for row in rows(shelf)]
    assert found[packed] == found[img2dataset] and len(found[packed]) == 12


def test_by_reference_nothing_is_copied_and_the_bytes_are_the_tars(img2dataset: Path, tmp_path: Path) -> None:
    before = sha256(img2dataset.read_bytes()).digest()
    copied, referred = Shelf(str(tmp_path / "copied")), Shelf(str(tmp_path / "referred"))
    ingest(copied, str(img2dataset), Local(1), cut=Cut(rows=5))
    ingest(referred, str(img2dataset), Local(1), Options(by_reference=True), cut=Cut(rows=5))
    assert not referred.fs.exists(referred.path("media"))
    assert {row["media"] for row in rows(referred)} == {str(img2dataset)}
    same_as_peer(referred, img2dataset)
    leaving = {"media": "", "offsets": []}
    assert [row | leaving for row in rows(referred)] == [row | leaving for row in rows(copied)]
    recipe = Recipe("look", Annotate(Header()), Annotate(Pixels()))
    assert run(referred, recipe, Local(2)) == {"kept": 12, "dropped": 0, "failed": 0}
    assert sha256(img2dataset.read_bytes()).digest() == before


def test_a_tar_that_changed_under_its_reference_stops_the_run_and_blames_no_sample(
    img2dataset: Path, tmp_path: Path
) -> None:
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(img2dataset), Local(1), Options(by_reference=True))
    data = bytearray(img2dataset.read_bytes())
    at = rows(shelf)[4]["offsets"][0] + 500
    data[at] ^= 0xFF
    img2dataset.write_bytes(data)
    recipe = Recipe("look", Annotate(Pixels()))
    with pytest.raises(Unavailable, match=r"00000.tar: the bytes of sample .* are not those that were ingested"):
        run(shelf, recipe, Local(1))
    assert not shelf.fs.exists(shelf.path("verdicts"))
    data[at] ^= 0xFF
    img2dataset.write_bytes(data)
    assert run(shelf, recipe, Local(1))["kept"] == 12


@pytest.mark.parametrize("name", ["pictures", "t.tgz"])
def test_what_cannot_be_taken_by_reference_is_refused(tmp_path: Path, picture: Picture, name: str) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(picture(1))
    with tarfile.open(tmp_path / "t.tgz", "w:gz") as tar:
        add(tar, "a.jpg", picture(1))
    with pytest.raises(BadInput, match="by reference"):
        ingest(Shelf(str(tmp_path / "s")), str(tmp_path / name), Local(1), Options(by_reference=True))


KEYS = st.text("abcXYZ012_-/é ", min_size=1, max_size=12).filter(
    lambda key: not key.startswith("/") and not key.endswith("/") and "//" not in key
)
ENDS = st.sampled_from(["jpg", "JPG", "seg.png", "txt", "cls", "bin"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=st.dictionaries(KEYS, st.sets(ENDS, min_size=1), min_size=1, max_size=6), layout=st.sampled_from("ugp"))
def test_any_tar_is_grouped_as_webdataset_groups_it(
    samples: dict[str, set[str]], layout: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    formats = {"u": tarfile.USTAR_FORMAT, "g": tarfile.GNU_FORMAT, "p": tarfile.PAX_FORMAT}
    source = folder / "any.tar"
    members = {}
    with tarfile.open(source, "w", format=formats[layout]) as tar:
        for key, ends in samples.items():
            ends = {end for end in ends if end != "JPG" or "jpg" not in ends}
            for end in sorted(ends):
                head = {"g": b"\x89PNG\r\n\x1a\n", "G": b"\xff\xd8\xff", "t": b"said ", "s": b"1", "n": b""}[
                    "g" if end.endswith("png") else "G" if end.lower() == "jpg" else end[-1]
                ]
                members[key, end.lower()] = head + f"{key}.{end}".encode()
                add(tar, f"{key}.{end}", members[key, end.lower()])
    shelf = Shelf(str(folder / "s"))
    usable = any(end != "bin" for _, end in members)
    if not usable:
        with pytest.raises(BadInput):
            ingest(shelf, str(source), Local(1))
        return
    ingest(shelf, str(source), Local(1), max_failed=1.0)
    found = {row["name"].removeprefix("any.tar/"): row for row in rows(shelf)}
    expected = peer(source)
    assert set(found) == set(expected)
    for key, parts in expected.items():
        media = [data for end, data in parts.items() if end in ("jpg", "seg.png")]
        assert contents(shelf, found[key]) == media
        assert (found[key]["failed"] == "") == bool({*parts} - {"bin"})
