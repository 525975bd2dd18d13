"""Tars with faults: members that lead out, keys that come again, tars that are cut."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.shelf.shelf import Shelf

CAPTION = "A small wooden boat rests on the shore of a quiet lake."
Curate = Callable[..., dict[str, tuple[str, str, str]]]
Picture = Callable[..., bytes]


def tar_of(path: Path, members: list[tuple[str, bytes]], *, link: str = "", hard: str = "") -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, kind in ((link, tarfile.SYMTYPE), (hard, tarfile.LNKTYPE)):
            if name:
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, members[0][0]
                tar.addfile(info)
    return path


def pairs(picture: Picture, *keys: str) -> list[tuple[str, bytes]]:
    return [
        member
        for seed, key in enumerate(keys)
        for member in ((f"{key}.jpg", picture(seed)), (f"{key}.txt", f"{CAPTION} {key}".encode()))
    ]


def test_members_that_lead_out_of_a_tar_are_failed_rows(curate: Curate, tmp_path: Path, picture: Picture) -> None:
    members = pairs(picture, "a", "../b", "/c", "d/../../e")
    source = tar_of(tmp_path / "t.tar", members, link="f.jpg", hard="g.jpg")
    found = curate(Shelf(str(tmp_path / "s")), source)
    unsafe = ("failed", "ingest", "unsafe_member")
    assert found == {
        "t.tar/a": ("kept", "kept", ""),
        **dict.fromkeys(("t.tar/../b", "t.tar//c", "t.tar/d/../../e", "t.tar/f", "t.tar/g"), unsafe),
    }


def test_two_members_with_one_name_are_one_failed_row(curate: Curate, tmp_path: Path, picture: Picture) -> None:
    source = tar_of(tmp_path / "t.tar", [*pairs(picture, "a"), ("a.jpg", picture(9)), *pairs(picture, "b")])
    found = curate(Shelf(str(tmp_path / "s")), source)
    assert found == {"t.tar/a": ("failed", "ingest", "duplicate_member"), "t.tar/b": ("kept", "kept", "")}


def test_a_key_that_comes_again_is_a_failed_row_of_its_own(curate: Curate, tmp_path: Path, picture: Picture) -> None:
    source = tar_of(tmp_path / "t.tar", pairs(picture, "a", "b", "a", "c", "a"))
    found = curate(Shelf(str(tmp_path / "s")), source)
    again = ("failed", "ingest", "duplicate_id")
    kept = ("kept", "kept", "")
    assert found == {**dict.fromkeys(("t.tar/a", "t.tar/b", "t.tar/c"), kept), "t.tar/a#2": again, "t.tar/a#3": again}


@pytest.mark.parametrize("cut_at", [-3000, 3 * 512, 512 * 5 + 100])
def test_a_tar_cut_in_the_middle_keeps_what_is_whole_and_says_where_it_is_cut(
    curate: Curate, tmp_path: Path, picture: Picture, cut_at: int
) -> None:
    whole = tar_of(tmp_path / "t.tar", pairs(picture, *(f"{n:02d}" for n in range(9)))).read_bytes()
    step = whole.index(b"01.jpg")
    at = whole.index(b"06.jpg") + (cut_at if cut_at > 0 else step + cut_at)
    (tmp_path / "t.tar").write_bytes(whole[:at])
    found = curate(Shelf(str(tmp_path / "s")), tmp_path / "t.tar")
    [(cut, why)] = [(name, said) for name, said in found.items() if said[0] == "failed"]
    assert cut.startswith("t.tar/(cut at 0") and why == ("failed", "ingest", "tar_cut")
    last = int(cut[-3:-1])
    assert set(found) - {cut} == {f"t.tar/{n:02d}" for n in range(last)} and last in (5, 6)


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_compressed_tar_that_breaks_off_keeps_what_is_whole(
    curate: Curate, tmp_path: Path, picture: Picture, harm: str
) -> None:
    source = tmp_path / "t.tgz"
    with tarfile.open(source, "w:gz") as tar:
        for name, data in pairs(picture, *(f"{n:02d}" for n in range(40))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    packed = bytearray(source.read_bytes())
    middle = len(packed) // 2
    source.write_bytes(packed[:middle] if harm == "cut" else packed[:middle] + b"\xff" * 64 + packed[middle + 64 :])
    found = curate(Shelf(str(tmp_path / "s")), source)
    outcomes = Counter(said[0] for said in found.values())
    assert outcomes["failed"] == 1 and 5 < outcomes["kept"] < 40


def test_a_mended_tar_brings_the_samples_that_were_cut_off(tmp_path: Path, picture: Picture) -> None:
    shelf, source = Shelf(str(tmp_path / "s")), tmp_path / "t.tar"
    whole = tar_of(source, pairs(picture, "a", "b", "c")).read_bytes()
    source.write_bytes(whole[: whole.index(b"c.jpg") + 700])
    ingest(shelf, str(source), Local(1))
    source.write_bytes(whole)
    assert ingest(shelf, str(source), Local(1)).counts == {"samples": 3, "tar_cut": 1}
