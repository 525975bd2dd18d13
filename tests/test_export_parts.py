"""Parts as columns, against the samples that they are of: what is read of a whole shard is what each sample says."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from filters.columns import Lists
from pipelines.export.parts import Parts
from schemas.form import form_name
from schemas.sample import Image, Sample, Source, Text, Video, part_digest, parts_json

DIGEST = st.integers(0, 5).map(lambda n: f"{n:064x}")
SIZE = st.integers(0, 1 << 40)
PART = st.one_of(
    st.builds(Text, st.text(max_size=9), st.sampled_from(["caption", "label", "\0\n\u2028"])),
    st.builds(Image, DIGEST, SIZE, st.sampled_from(["jpg", "png"]), st.integers(0, 9), st.integers(0, 9)),
    st.builds(Video, DIGEST, SIZE, st.just("mp4"), st.floats(0, 9)),
)
SAMPLES = st.lists(
    st.lists(PART, max_size=5).map(lambda parts: Sample("k", tuple(parts), Source("d", "r"))), max_size=6
)


def read(samples: list[Sample]) -> Parts:
    return Parts.of(pa.array([parts_json(one) for one in samples], pa.string()))


def size_bytes(sample: Sample) -> int:
    return sum(len(part.text.encode()) if isinstance(part, Text) else part.size_bytes for part in sample.parts)


def first(sample: Sample) -> str:
    return part_digest(next((part for _, part in sample.media()), sample.parts[0]))


def same(parts: Parts, samples: list[Sample]) -> bool:
    """Say whether columns tell of each sample what it tells of itself."""
    forms, names = parts.forms()
    stand = [n for n, one in enumerate(samples) if one.parts]
    assert parts.empty().tolist() == [not one.parts for one in samples]
    assert parts.size_bytes().tolist() == [size_bytes(one) for one in samples]
    assert [names[form] for form in forms.tolist()] == [form_name(one) for one in samples]
    assert len(names) == len(set(names))
    of, digests = parts.digests()
    assert list(zip(of.tolist(), digests, strict=True)) == [
        (n, part_digest(part)) for n, one in enumerate(samples) for part in one.parts
    ]
    of, digests = parts.media()
    assert list(zip(of.tolist(), digests, strict=True)) == [
        (n, part.digest) for n, one in enumerate(samples) for _, part in one.media()
    ]
    whole = parts.take(Lists.of([stand], int).values)
    assert whole.firsts() == [first(samples[n]) for n in stand]
    return True


@given(SAMPLES)
def test_columns_tell_what_each_sample_tells(samples):
    assert same(read(samples), samples)


@given(SAMPLES, st.data())
def test_parts_that_are_left_out_are_not_told_of(samples, data):
    gone = [sorted(data.draw(st.sets(st.integers(0, 7), max_size=4))) for _ in samples]
    left = [
        Sample("k", tuple(part for place, part in enumerate(one.parts) if place not in places), one.source)
        for one, places in zip(samples, gone, strict=True)
    ]
    assert same(read(samples).without(Lists.of(gone, int)), left)
