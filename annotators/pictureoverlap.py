"""Picture overlap: which picture of a benchmark a picture of the sample is, resized and saved again or not.

A cheap pass compares 64-bit hashes, with a radius wider than that of near-duplicates; by itself it would call half of
all bar charts the same one. So what is near is decoded and compared at 32 x 32 pixels: the greatest difference of
brightness tells a picture that was resized (a few levels) from another of the same layout (24 and more). Measured in
docs/how-to/contamination.md. A benchmark's 10,000 pictures cost some 20 us a picture of the sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from PIL.Image import Resampling

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.benchmarks import digest_of_benchmarks, read_benchmarks
from annotators.small_rgb import small_rgb
from schemas.benchmark import SMALL_SIDE, Benchmark
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary.benchmarks import (
    BENCHMARK_PICTURE,
    BENCHMARK_PICTURE_BITS,
    BENCHMARK_PICTURE_LEVELS,
    BENCHMARK_PICTURE_PART,
)

_FAR_BITS, _FAR_LEVELS = 64, 255
_FROM_PX = 1024


class PictureOverlap(Annotator, frozen=True):
    """`benchmarks`: the folder that `ostraka benchmark` wrote; `radius`: of the cheap pass, in bits. Noted is, of the
    benchmarks' pictures within it, the one with the smallest difference."""

    benchmarks: str = ""
    radius: int = 12
    most_mpx: float = 200.0

    reads: ClassVar = ("phashes", "phash_parts")
    writes: ClassVar = (
        BENCHMARK_PICTURE,
        BENCHMARK_PICTURE_PART,
        BENCHMARK_PICTURE_BITS,
        BENCHMARK_PICTURE_LEVELS,
    )
    made_with: ClassVar = ("pillow", "numpy")

    @property
    def batch(self) -> int:
        return 64

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=120.0)

    def identity(self) -> PictureOverlap:
        return structs.replace(self, benchmarks="")

    def weights(self) -> tuple[str, ...]:
        """Return the digest of the tables; raises BadInput where they cannot be read."""
        return (digest_of_benchmarks(self.benchmarks),)

    @contextmanager
    def open(self) -> Iterator[Look]:
        known = _Known.of(read_benchmarks(self.benchmarks))

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [self._noted(known, subject) for subject in subjects]

        yield look

    def _noted(self, known: _Known, subject: Subject) -> Noted:
        likest = _Like(_FAR_LEVELS, _FAR_BITS, "", 0)
        parts = dict(subject.sample.media())
        for place, value in zip(subject.notes["phash_parts"], subject.notes["phashes"], strict=True):
            bits_M = np.bitwise_count(known.hashes_M ^ np.uint64(value))
            near = np.flatnonzero(bits_M <= self.radius)
            if not len(near):
                continue
            try:
                small = small_copy(subject.content(parts[place]), self.most_mpx)
            except BadSample:
                continue
            levels = np.abs(known.small_MP[near].astype(np.int16) - np.frombuffer(small, np.uint8)).max(axis=1)
            found = zip(levels.tolist(), bits_M[near].tolist(), (known.said[at] for at in near), strict=True)
            likest = min(likest, *(_Like(level, bits, said, place) for level, bits, said in found), key=_likest)
        return Noted(
            {
                "benchmark_picture": likest.said,
                "benchmark_picture_part": likest.place,
                "benchmark_picture_bits": likest.bits,
                "benchmark_picture_levels": likest.levels,
            }
        )


class _Like(NamedTuple):
    """A benchmark's picture: how much it differs, in levels and in bits, which it is, and from which part."""

    levels: int
    bits: int
    said: str
    place: int


def _likest(like: _Like) -> tuple[bool, _Like]:
    return not like.said, like


class _Known(NamedTuple):
    """The pictures of benchmarks: M hashes, M small copies of P pixels, and benchmark/item of each."""

    hashes_M: NDArray[np.uint64]
    small_MP: NDArray[np.uint8]
    said: tuple[str, ...]

    @classmethod
    def of(cls, benchmarks: Sequence[Benchmark]) -> _Known:
        pictures = [
            (picture, f"{benchmark.name}/{item.item}")
            for benchmark in benchmarks
            for item in benchmark.items
            for picture in item.pictures
        ]
        small: Any = np.frombuffer(b"".join(picture.small for picture, _ in pictures), np.uint8)
        return cls(
            np.array([picture.phash for picture, _ in pictures], np.uint64),
            small.reshape(len(pictures), SMALL_SIDE * SMALL_SIDE),
            tuple(said for _, said in pictures),
        )


def small_copy(data: bytes, most_mpx: float) -> bytes:
    """Return the brightness of a picture at SMALL_SIDE x SMALL_SIDE pixels, each a mean over its surroundings.

    It is made of many pixels, not of the copy that is hashed: shrinking in whole steps moves edges by half a step, and
    then a picture differs from its half as much as from another chart. Raises BadSample.
    """
    side = SMALL_SIDE, SMALL_SIDE
    return small_rgb(data, _FROM_PX, most_mpx).convert("L").resize(side, Resampling.BILINEAR).tobytes()
