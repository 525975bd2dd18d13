"""Tar layout, against the two peers that read and write the same bytes: `tarfile` and `webdataset`."""

from __future__ import annotations

import io
import mmap
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st
from webdataset.tariterators import base_plus_ext, group_by_keys, tar_file_iterator

from schemas.errors import BadSample, BadTar
from schemas.tar import END, Member, Writer, by_extension, group, header, scan, split_name

LETTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
NAMES = st.text(LETTERS, min_size=1, max_size=140).filter(lambda name: not name.endswith("/"))
ASCII_NAMES = st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1, max_size=100)
SHORT = st.text("ab.A/é ", min_size=1, max_size=12)
DEEP = st.builds("{}/{}.jpg".format, st.text("ab/", min_size=60, max_size=140), st.text("cd", min_size=1, max_size=90))
CONTENT = st.binary(max_size=1200)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def written(members: list[tuple[str, bytes]]) -> tuple[bytes, list[int]]:
    file = io.BytesIO()
    tar = Writer(file)
    offsets = [tar.add(name, data) for name, data in members]
    tar.close()
    return file.getvalue(), offsets


def as_tarfile_sees(data: bytes) -> list[tuple[str, int, int, str]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        return [
            (info.name, info.offset_data, info.size, "file" if info.isreg() else "link")
            for info in tar
            if not info.isdir()
        ]


@given(ASCII_NAMES, st.integers(0, 8**11 - 1))
def test_a_header_is_the_bytes_that_tarfile_writes(name: str, size_bytes: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    assert header(name, size_bytes) == info.tobuf(tarfile.USTAR_FORMAT)


@given(NAMES, st.sampled_from([0, 1, 8**11 - 1, 8**11, 8**12]))
def test_tarfile_reads_back_any_header(name: str, size_bytes: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(header(name, size_bytes)), mode="r:") as tar:
        info = tar.firstmember
    assert (info.name, info.size, info.mtime, info.mode) == (name, size_bytes, 0, 0o644)


@given(st.lists(st.tuples(NAMES, CONTENT), max_size=6))
def test_what_is_written_is_what_tarfile_reads(members: list[tuple[str, bytes]]) -> None:
    data, offsets = written(members)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(info.name, tar.extractfile(info).read()) for info in tar] == members
    assert [data[at : at + len(content)] for at, (_, content) in zip(offsets, members, strict=True)] == [
        content for _, content in members
    ]
    assert len(data) % 512 == 0 and data.endswith(END)


def test_webdataset_reads_the_same_samples(tmp_path: Path) -> None:
    samples = [(f"{n:032x}", bytes([n]) * (n * 97)) for n in range(20)]
    data, _ = written([(f"{key}.{kind}", body) for key, body in samples for kind in ("jpg", "json")])
    (tmp_path / "a.tar").write_bytes(data)
    read = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False))
    assert [(one["__key__"], one["jpg"], one["json"]) for one in read] == [(key, body, body) for key, body in samples]


@st.composite
def foreign_tars(draw: st.DrawFn) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=draw(FORMATS)) as tar:
        for name, kind, content in draw(st.lists(st.tuples(SHORT | NAMES | DEEP, KINDS, CONTENT), max_size=6)):
            info = tarfile.TarInfo(name)
            info.type = kind
            folder = kind == tarfile.AREGTYPE and "/" in name
            info.size = len(content) if kind in (tarfile.REGTYPE, tarfile.AREGTYPE) and not folder else 0
            info.linkname = draw(SHORT) if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.mtime, info.uid, info.uname = draw(st.sampled_from([(0, 0, ""), (1e9 + 0.5, 2**22, "öl")]))
            try:
                tar.addfile(info, io.BytesIO(content))
            except ValueError:
                continue
    return file.getvalue()


@settings(max_examples=300)
@given(foreign_tars())
def test_a_scan_sees_what_tarfile_sees(data: bytes) -> None:
    seen = as_tarfile_sees(data)
    assert [tuple(member) for member in scan(data)] == seen
    assert [tuple(member) for member in scan(io.BytesIO(data))] == seen


def test_a_mapped_file_is_scanned_as_its_bytes_are(tmp_path: Path) -> None:
    data, _ = written([("a.jpg", b"1"), ("é.jpg", b"22"), ("b.jpg", b"333")])
    (tmp_path / "a.tar").write_bytes(data)
    with (tmp_path / "a.tar").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert list(scan(mapped)) == list(scan(data)) == list(scan(file))


def test_a_version_7_tar_is_read() -> None:
    block = bytearray(header("old/name.jpg", 3))
    block[156:265] = bytes(109)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data = bytes(block) + b"abc".ljust(512, b"\0") + END
    assert [tuple(member) for member in scan(data)] == as_tarfile_sees(data) == [("old/name.jpg", 512, 3, "file")]


@pytest.mark.parametrize("names", [["a.jpg", "b.jpg"], ["a.jpg", "é.jpg", "c.jpg"], ["é.jpg", "b.jpg", "ö.jpg"]])
def test_a_cut_tar_gives_its_whole_members_and_then_says_so(names: list[str]) -> None:
    data, offsets = written([(name, bytes([65 + n]) * 600) for n, name in enumerate(names)])
    for cut in range(0, len(data), 7):
        found: list[str] = []
        try:
            for member in scan(data[:cut]):
                found.append(member.name)
            said = False
        except BadTar:
            said = True
        whole = [name for name, at in zip(names, offsets, strict=True) if at + 600 <= cut]
        assert found == whole, cut
        between = any(at + 600 <= cut <= at + 1024 for at in offsets)
        assert said or between or cut >= offsets[-1] + 1024, cut


def test_what_is_no_header_in_the_middle_is_an_error() -> None:
    for first in ("a.jpg", "é.jpg"):
        data, _ = written([(first, b"1")])
        broken = data[: -len(END)] + b"no header".ljust(512, b"?") + written([("c.jpg", b"3")])[0]
        with pytest.raises(BadTar, match=f"byte {len(data) - len(END)}"):
            list(scan(broken))


@pytest.mark.parametrize("data", [b"", b"not a tar" * 200, b"\xff\xd8\xff" + bytes(2000)])
def test_what_is_no_tar_is_an_error(data: bytes) -> None:
    with pytest.raises(BadTar):
        list(scan(data))


@pytest.mark.parametrize("size", [b"-0000001000", b"-0000000001", b" 0000000_1 ", b"00000000009", b"+0000000003"])
def test_a_size_that_is_no_octal_number_never_loops_or_leads_back(size: bytes) -> None:
    block = bytearray(header("a.jpg", 3))
    block[124:135] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data = written([("first.jpg", b"")])[0][:512] + bytes(block) + b"abc".ljust(512, b"\0") + END
    members = []
    try:
        for member in scan(data):
            members.append(member)
            assert len(members) <= 2
    except BadTar:
        pass
    assert all(member.size_bytes >= 0 for member in members)


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar program here")
def test_a_sparse_member_is_other_and_no_cut(tmp_path: Path) -> None:
    with (tmp_path / "hole.jpg").open("wb") as file:
        file.truncate(50 << 20)
        file.seek(25 << 20)
        file.write(b"here")
    (tmp_path / "after.jpg").write_bytes(b"after")
    subprocess.run(["tar", "-S", "--format=gnu", "-cf", "a.tar", "hole.jpg", "after.jpg"], cwd=tmp_path, check=True)
    assert (tmp_path / "a.tar").stat().st_size < 1 << 20
    found = {member.name: member for member in scan((tmp_path / "a.tar").read_bytes())}
    assert (found["hole.jpg"].kind, found["after.jpg"].kind) == ("other", "file")
    assert (tmp_path / "a.tar").read_bytes()[found["after.jpg"].offset :][:5] == b"after"


@given(st.text(LETTERS, max_size=30) | st.text("ab./\n\\A", max_size=12))
def test_a_name_is_cut_as_webdataset_cuts_it(name: str) -> None:
    key, extension = base_plus_ext(name)
    assert split_name(name) == (None if key is None else (key, extension.lower()))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "f/a", "d.e/c"]), st.text("jpgJ.é", max_size=4)), max_size=12))
def test_members_are_grouped_as_webdataset_groups_them(parts: list[tuple[str, str]]) -> None:
    names = [f"{key}.{extension}" if extension else key for key, extension in parts]
    data, _ = written([(name, str(n).encode()) for n, name in enumerate(names)])
    files = [{**one, "__url__": ""} for one in tar_file_iterator(io.BytesIO(data))]
    try:
        theirs = [
            (one["__key__"], {name: content for name, content in one.items() if not name.startswith("__")})
            for one in group_by_keys(files)
        ]
    except ValueError:
        with pytest.raises(BadSample, match="duplicate_member"):
            [by_extension(members) for _, members in group(scan(data))]
        return
    ours = [
        (key, {name: data[m.offset : m.offset + m.size_bytes] for name, m in by_extension(members).items()})
        for key, members in group(scan(data))
    ]
    assert ours == theirs


@pytest.mark.parametrize(
    "name",
    ["/etc/a.jpg", "../a.jpg", "a/../../b.jpg", "a\\..\\b.jpg", "\\\\host\\a.jpg", "a\0b.jpg", "a/..jpg/../x.jpg"],
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(BadSample, match="unsafe_member"):
        by_extension([Member(name, 512, 1)])


def test_a_link_is_refused_and_dots_inside_a_name_are_not() -> None:
    with pytest.raises(BadSample, match="unsafe_member"):
        by_extension([Member("a.jpg", 512, 0, "link")])
    assert set(by_extension([Member("a..b/x...jpg", 512, 1)])) == {"..jpg"}


@given(st.lists(st.tuples(SHORT, CONTENT), min_size=1, max_size=5), st.data())
def test_a_copied_span_is_the_same_members_elsewhere(members: list[tuple[str, bytes]], data: st.DataObject) -> None:
    whole, _ = written(members)
    span = whole[: -len(END)]
    file = io.BytesIO()
    tar = Writer(file)
    tar.add("before.jpg", data.draw(CONTENT))
    start = tar.add_span(span)
    after = tar.add("after.jpg", b"x")
    tar.close()
    assert file.getvalue()[start : start + len(span)] == span and file.getvalue()[after : after + 1] == b"x"
    names = [member.name for member in scan(file.getvalue())]
    assert names == ["before.jpg", *(member.name for member in scan(whole)), "after.jpg"]
