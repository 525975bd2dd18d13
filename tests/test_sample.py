"""A sample: its key, and its way into a shard and back."""

from __future__ import annotations

import io
import subprocess

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import form
from schemas.errors import BadTar
from schemas.sample import (
    Image,
    Sample,
    Source,
    Text,
    Video,
    from_columns,
    from_json,
    key_of,
    part_digest,
    parts_json,
    to_json,
)
from schemas.sniff import PICTURES, VIDEOS
from schemas.tar import Writer, by_extension, group, scan

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
COUNTS = st.integers(0, 2**53)
TEXTS = st.builds(Text, WORDS, WORDS)
IMAGES = st.builds(Image, HEX, COUNTS, st.sampled_from(sorted(PICTURES)), COUNTS, COUNTS)
SECONDS = st.floats(0, allow_nan=False, allow_infinity=False)
VIDEO = st.builds(Video, HEX, COUNTS, st.sampled_from(sorted(VIDEOS)), SECONDS)
SOURCES = st.builds(Source, *[WORDS] * 6)
PARTS = st.lists(TEXTS | IMAGES | VIDEO, max_size=8).map(tuple)
SAMPLES = st.builds(Sample, st.text("0123456789abcdef", min_size=32, max_size=32), PARTS, SOURCES)


@given(SAMPLES)
def test_a_sample_survives_json(sample: Sample) -> None:
    assert from_json(to_json(sample)) == sample
    assert from_columns(sample.key, parts_json(sample), sample.source) == sample
    assert b"null" not in to_json(Sample(sample.key, (), Source("", "")))


@given(st.lists(SAMPLES, max_size=4, unique_by=lambda sample: sample.key), st.data())
def test_a_sample_survives_a_shard(samples: list[Sample], data: st.DataObject) -> None:
    contents = [[data.draw(st.binary(max_size=600)) for _ in sample.media()] for sample in samples]
    file = io.BytesIO()
    tar = Writer(file)
    offsets = [form.write(tar, sample, content) for sample, content in zip(samples, contents, strict=True)]
    tar.close()
    shard = file.getvalue()
    read = []
    for key, members in group(scan(shard)):
        bodies = {name: shard[m.offset : m.offset + m.size_bytes] for name, m in by_extension(members).items()}
        sample, content = form.read(bodies)
        assert sample.key == key
        read.append((sample, content))
    assert read == list(zip(samples, contents, strict=True))
    for begins, content in zip(offsets, contents, strict=True):
        assert [shard[at : at + len(one)] for at, one in zip(begins, content, strict=True)] == content


def test_members_are_numbered_by_their_places_among_the_parts() -> None:
    one = Image("0" * 64, 1, "jpg")
    alone = Sample("0" * 32, (Text("a"), one), Source("d", "r"))
    several = Sample("0" * 32, (one, Text("a"), one, Video("0" * 64, 1, "mp4")), Source("d", "r"))
    assert form.member_set(alone) == ("jpg",)
    assert form.member_set(several) == ("000.jpg", "002.jpg", "003.mp4")


@pytest.mark.parametrize("gone", ["json", "000.jpg", "001.png"])
def test_a_sample_without_one_of_its_members_says_which(gone: str) -> None:
    sample = Sample("0" * 32, (Image("0" * 64, 1, "jpg"), Image("1" * 64, 1, "png")), Source("d", "r"))
    members = {"json": to_json(sample), "000.jpg": b"a", "001.png": b"b"}
    assert form.read(members) == (sample, [b"a", b"b"])
    del members[gone]
    with pytest.raises(BadTar, match=gone):
        form.read(members)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        (("coco", "a.jpg", ()), "8ef558295642228c8d13bf4d192c9095"),
        (("coco", "a.jpg", ("00" * 32,)), "80fdde0ad692cba89386c84e3a9e5caa"),
        (("", "", ()), "374708fff7719dd5979ec875d56cd228"),
        (("ö", "é.jpg", ("ab", "c")), "4195aec739b267fbf3f00d008daf0d43"),
        (("ö", "é.jpg", ("a", "bc")), "189bb47ab735d89bba5e0e18ee59cad2"),
    ],
)
def test_a_key_is_these_digits_for_ever(fields: tuple[str, str, tuple[str, ...]], key: str) -> None:
    assert key_of(*fields) == key


def test_a_key_is_a_sha256_of_length_prefixed_fields() -> None:
    data = b"\0\0\0\0\0\0\0\4coco\0\0\0\0\0\0\0\5a.jpg"
    said = subprocess.run(["sha256sum"], input=data, stdout=subprocess.PIPE, check=True).stdout.decode()
    assert key_of("coco", "a.jpg") == said[:32]


FIELDS = st.tuples(WORDS, WORDS, st.lists(WORDS, max_size=3).map(tuple))


@given(FIELDS, FIELDS)
def test_a_key_differs_where_any_field_does(one: tuple[str, str, tuple[str, ...]], other: object) -> None:
    dataset, row, digests = one
    assert (key_of(*one) == key_of(*other)) == (one == other)
    assert key_of(dataset + "x", row, digests) != key_of(dataset, "x" + row, digests)
    assert key_of(dataset, row + "x", digests) != key_of(dataset, row, ("x", *digests))
    assert key_of(dataset, row, (*digests, "")) != key_of(dataset, row, digests)


def test_a_part_is_named_by_the_bytes_it_is() -> None:
    assert part_digest(Text("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert part_digest(Text("abc", "alt")) == part_digest(Text("abc"))
    assert part_digest(Image("12" * 32, 1, "jpg")) == "12" * 32


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ('[{"kind":"image","digest":"","size_bytes":1,"extension":"jpg","width_px":"3"}]', "$.parts[0].width_px"),
        ('[{"kind":"text","text":"a"},{"kind":"video","digest":"","size_bytes":null}]', "$.parts[1].size_bytes"),
        ('[{"kind":"sound"}]', "$.parts[0].kind"),
        ('[{"kind":"text","text":"a"},{"kind":"text"}]', "$.parts[1]"),
    ],
)
def test_a_problem_in_a_sample_names_its_place(parts: str, place: str) -> None:
    data = f'{{"key":"0","parts":{parts},"source":{{"dataset":"d","row":"r"}}}}'
    with pytest.raises(msgspec.ValidationError) as raised:
        from_json(data)
    assert f"`{place}`" in str(raised.value)
