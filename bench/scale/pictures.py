"""Made pictures: which row shows which picture, and what annotators would say of it.

Everything of a picture is drawn from its number, so copies agree in every column. Assumed, as in the measurements that
the design stands on: 8 % copies, the largest group 0.04 % of all rows; hashes of a stated mix.
"""

from __future__ import annotations

from functools import cached_property
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.scale.drawn import Numbers, below, bits, choice, fractions, quantile, sparse_bits
from bench.scale.real import Real

COPIES, COPIED, LARGEST = 0.08, 0.04, 0.0004
"""Shares of all rows: that are copies, that have any, of the largest group."""

RANDOM, LOW, CLUSTERS, TEMPLATES, BLANK = 0.80, 0.08, 0.09, 0.025, 0.005
"""Shares of hashes: random; rows of bits that repeat, 12 % flipped; clusters of some five within 6 bits of a centre;
200 hot centres with up to 8 bits flipped; blank, of which half are of one colour."""

TOP_BIT = np.uint64(1 << 63)
_PRIME = 2_654_435_761
_CLUSTER, _HOT = 5, 200


def contents(rows: Numbers, count: int) -> Numbers:
    """Return the number of the picture that each row of `count` shows: its own, or that of the row it copies.

    How often a picture is copied falls as a power of its rank, so that the first has the largest share.
    """
    copied = max(2, round(count * COPIED))
    power = log(copied) / -log(LARGEST / COPIES)
    rank = (copied * fractions(rows, "copied") ** power).astype(np.uint64)
    original = rank * np.uint64(_PRIME) % np.uint64(count)
    return np.where(fractions(rows, "copy") < COPIES, original, rows)


def hashes(pictures: Numbers, count: int) -> Numbers:
    """Return a 64-bit perceptual hash for each picture of a corpus of `count`."""
    kinds = choice(pictures, "hash", (RANDOM, LOW, CLUSTERS, TEMPLATES, BLANK))
    found = bits(pictures, "random") | TOP_BIT
    low, clustered, hot = (pictures[kinds == kind] for kind in (1, 2, 3))
    found[kinds == 1] = _rows_of_bits(low)
    clusters = max(1, round(count * CLUSTERS / _CLUSTER))
    centres = bits(below(clustered, "cluster", clusters), "centre") | TOP_BIT
    found[kinds == 2] = _flipped(centres, clustered, most=6)
    templates = bits(below(hot, "template", _HOT), "template") | TOP_BIT
    found[kinds == 3] = _flipped(templates, hot, most=8)
    found[kinds == 4] = TOP_BIT
    return found


def _rows_of_bits(pictures: Numbers) -> Numbers:
    first = bits(pictures, "row of bits") >> np.uint64(56)
    flips = sparse_bits(pictures, "flips of rows", 0.12) & np.uint64((1 << 56) - 1)
    return first * np.uint64(0x0101010101010101) ^ flips


def _flipped(centres: Numbers, pictures: Numbers, most: int) -> Numbers:
    """Return the centres with 0 to `most` bits flipped, each number of them as likely."""
    times = below(pictures, "times", most + 1)
    found = centres.copy()
    for time in range(most):
        place = bits(pictures, f"flip {time}") & np.uint64(63)
        found ^= np.where(time < times, np.uint64(1) << place, np.uint64(0))
    return found


def blank(pictures: Numbers) -> NDArray[np.bool_]:
    """Say of each picture whether it is of one colour."""
    kinds = choice(pictures, "hash", (RANDOM, LOW, CLUSTERS, TEMPLATES, BLANK))
    return (kinds == 4) & (bits(pictures, "one colour") & np.uint64(1)).astype(np.bool_)


class Pictures:
    """The pictures of some rows: what a header says of each, and what its pixels say."""

    def __init__(self, numbers: Numbers, count: int, real: Real) -> None:
        self._real, self._numbers, self._count = real, numbers, count
        self._shape = below(numbers, "shape", len(real.shapes))
        self.width_px, self.height_px = (self._of_shape(place).astype(np.uint32) for place in (0, 1))
        self.size_bytes = np.rint(self._of_shape(2) * (0.75 + fractions(numbers, "bytes") / 2)).astype(np.int64)

    def _of_shape(self, place: int) -> NDArray[np.int64]:
        return np.array([shape[place] for shape in self._real.shapes])[self._shape]

    def named(self, place: int) -> NDArray[np.str_]:
        """Return format (3) or mode (4)."""
        return np.array([shape[place] for shape in self._real.shapes])[self._shape]

    @property
    def orientation(self) -> NDArray[np.uint32]:
        """As EXIF states it: 1 for nearly all."""
        turned = np.array([1, 6, 8, 3], np.uint32)
        return turned[choice(self._numbers, "orientation", (0.985, 0.01, 0.003, 0.002))]

    def digests(self) -> NDArray[np.uint8]:
        """Return 32 bytes a picture, as a SHA-256 would be."""
        words = np.stack([bits(self._numbers, f"digest {place}") for place in range(4)], axis=1)
        return words.view(np.uint8).reshape(-1, 32)

    @cached_property
    def pixels(self) -> dict[str, NDArray[Any]]:
        """Return what the annotator of pixels writes."""
        solid = blank(self._numbers)
        return {
            "phash": hashes(self._numbers, self._count),
            "top_colour_share": np.where(solid, 1.0, self._measured("top_colour_share")),
            "channel_std": np.where(solid, 0.0, self._measured("channel_std")),
            "sharpness": np.where(solid, 0.0, self._measured("sharpness")),
        }

    def _measured(self, name: str) -> NDArray[np.float64]:
        return np.round(quantile(self._numbers, name, getattr(self._real, name)), 6)
