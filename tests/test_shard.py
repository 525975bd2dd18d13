"""A shard read whole, against webdataset, which reads the same samples of the same tar."""

from __future__ import annotations

import io
import mmap
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webdataset.tariterators import group_by_keys, tar_file_iterator

from schemas.errors import BadTar
from schemas.shard import samples
from schemas.tar import END, Writer, group, header, scan, split_name

FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
KINDS = st.sampled_from([tarfile.REGTYPE] * 30 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
FOLDERS = st.sampled_from(["", "", "", "train/", "v1.0/", "a/b.c/", "./", "__m__/", "ö/", "long/" * 21])
STEMS = st.sampled_from(["a", "b", "0001", "0002", "__meta__", "__x", "ß", "", "k" * 101]) | st.text(
    "ab._ é", max_size=5
)
EXTENSIONS = st.sampled_from([".jpg", ".JPG", ".json", ".seg.png", ".txt", ".", "", ".é", "._x", ".j\n"])
ODD_NAMES = st.tuples(FOLDERS, STEMS, EXTENSIONS).map("".join).filter(lambda name: name.strip("./") and name[-1] != "/")
PLAIN_NAMES = st.from_regex(r"(train/)?[ab]{1,3}\.(jpg|JPG|json|seg\.png|)", fullmatch=True)
NAMES = st.lists(PLAIN_NAMES | ODD_NAMES, max_size=8) | st.lists(PLAIN_NAMES, max_size=12, unique_by=str.lower)


def tar_of(members: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    tar = Writer(file)
    for name, content in members:
        tar.add(name, content)
    tar.close()
    return file.getvalue()


def as_webdataset_reads(data: bytes) -> Iterator[tuple[str, dict[str, bytes]]]:
    for sample in group_by_keys({**one, "__url__": ""} for one in tar_file_iterator(io.BytesIO(data))):
        yield (
            sample["__key__"],
            {name: content for name, content in sample.items() if name not in ("__key__", "__url__")},
        )


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=draw(FORMATS)) as tar:
        for name in draw(NAMES):
            info = tarfile.TarInfo(name)
            info.type = draw(KINDS)
            content = draw(st.binary(max_size=1100)) if info.type == tarfile.REGTYPE else b""
            info.size, info.linkname = len(content), "a" if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.uname = draw(st.sampled_from(["", "", "bigdata"]))
            try:
                tar.addfile(info, io.BytesIO(content))
            except ValueError:
                continue
    return file.getvalue()


@settings(max_examples=300, deadline=None)
@given(tars())
def test_samples_are_those_that_webdataset_reads(data: bytes) -> None:
    try:
        theirs = list(as_webdataset_reads(data))
    except ValueError:
        with pytest.raises(BadTar, match="two members"):
            list(samples(data))
        return
    assert list(samples(data)) == theirs
    assert [(key, {name: bytes(view) for name, view in found.items()}) for key, found in samples(data, views=True)] == (
        theirs
    )


def test_keys_of_many_lengths_and_empty_members_are_read(tmp_path: Path) -> None:
    members = [(f"{'x' * n}.{kind}", b"y" * (n * 37 % 1025)) for n in range(1, 95) for kind in ("jpg", "json")]
    data = tar_of(members)
    (tmp_path / "a.tar").write_bytes(data)
    with (tmp_path / "a.tar").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert list(samples(mapped)) == list(samples(tmp_path / "a.tar")) == list(as_webdataset_reads(data))


def test_views_outlive_the_walk_and_are_copies_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of([("a.jpg", b"picture"), ("b.jpg", b"other")]))
    found = dict(samples(str(tmp_path / "a.tar"), views=True))
    view = found["a"]["jpg"]
    assert isinstance(view, memoryview) and isinstance(view.obj, mmap.mmap) and view == b"picture"


@pytest.mark.parametrize(
    ("at", "field"), [(0, b"a\0.jpg"), (124, b"-0000001000"), (124, b" 0000000_1 "), (124, b"0b000000001")]
)
def test_a_header_with_odd_fields_is_what_a_scan_makes_of_it(at: int, field: bytes) -> None:
    odd = bytearray(header("b.jpg", 3))
    odd[at : at + len(field)] = field
    odd[148:156] = b" " * 8
    odd[148:156] = b"%06o\0 " % sum(odd)
    data = tar_of([("a.jpg", b"first")])[: -len(END)] + bytes(odd) + b"abc".ljust(512, b"\0") + END
    try:
        scanned = [
            (key, {split_name(one.name)[1]: data[one.offset :][: one.size_bytes] for one in found})
            for key, found in group(scan(data))
        ]
    except BadTar:
        with pytest.raises(BadTar):
            list(samples(data))
    else:
        assert list(samples(data)) == scanned


@pytest.mark.parametrize("last", ["c.jpg", "ç.jpg"])
def test_a_cut_tar_gives_its_whole_samples_and_then_says_where(tmp_path: Path, last: str) -> None:
    names = ["a.jpg", "a.json", "b.jpg", "b.json", last]
    whole = tar_of([(name, bytes([n]) * 600) for n, name in enumerate(names)])
    expected, path = list(samples(whole)), tmp_path / "cut.tar"
    for cut in range(1, 4 * 1536 + 400, 31):
        path.write_bytes(whole[:cut])
        found = []
        try:
            for sample in samples(path):
                found.append(sample)
        except BadTar as error:
            assert str(path) in str(error)
            assert len(found) == (cut >= 2 * 1536 + 1112) and found == expected[: len(found)], cut
        else:
            assert cut % 1536 == 0 or cut % 1536 >= 1112, cut


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100])
def test_what_is_no_tar_is_an_error_with_its_place(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "none.tar").write_bytes(data)
    with pytest.raises(BadTar, match=r"none\.tar"):
        list(samples(tmp_path / "none.tar"))


def test_an_archive_of_nothing_has_no_samples() -> None:
    assert list(samples(END)) == []


def test_a_header_in_the_middle_that_is_none_is_an_error() -> None:
    data = tar_of([("a.jpg", b"1"), ("b.jpg", b"2")])
    broken = data[: -len(END)] + b"no header".ljust(512, b"?") + END
    found = []
    with pytest.raises(BadTar):
        for sample in samples(broken):
            found.append(sample)
    assert found == [("a", {"jpg": b"1"})]
