"""Exact duplicates: which copy stays is stated, and does not depend on the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from filters.columns import Columns
from filters.exact import ExactDedup

Picture = tuple[bytes, bytes, int, int]


def decided(pictures: list[Picture]) -> dict[bytes, tuple[bytes, float]]:
    """Return who goes, by key: the key that each lost to, and what was measured."""
    keys, digests, widths, heights = zip(*pictures, strict=True) if pictures else ((), (), (), ())
    arrays: dict[str, Any] = {
        "key": np.array(keys, "S16"),
        "digest": np.array(digests, "S16"),
        "width_px": np.array(widths, np.uint32),
        "height_px": np.array(heights, np.uint32),
    }
    lost = ExactDedup().decide(Columns(len(pictures), arrays), {})
    assert len(set(lost.rows.tolist())) == len(lost.rows)
    return {
        keys[row]: (keys[witness], measured)
        for row, witness, measured in zip(lost.rows, lost.witnesses, lost.measured, strict=True)
    }


def key(n: int) -> bytes:
    return n.to_bytes(16, "big")


PICTURES = st.lists(
    st.tuples(st.integers(0, 50).map(key), st.sampled_from([b"\0" * 16, b"d" * 16, b"\xff" * 16]))
    .map(lambda pair: (*pair, *((100, 80), (80, 100), (200, 50))[pair[0][15] % 3]))
    .map(tuple),
    unique_by=lambda picture: picture[0],
    max_size=12,
)


def test_of_equal_bytes_the_larger_stays_and_then_the_smaller_key() -> None:
    pictures = [
        (key(3), b"d" * 16, 100, 100),
        (key(2), b"d" * 16, 100, 100),
        (key(9), b"d" * 16, 50_000, 90_000),
        (key(1), b"e" * 16, 1, 1),
        (key(8), b"d" * 16, 90_000, 50_000),
    ]
    assert decided(pictures) == {key(3): (key(8), 0.0), key(2): (key(8), 0.0), key(9): (key(8), 0.0)}


@given(PICTURES, st.randoms(use_true_random=False))
def test_one_of_each_stays_whatever_the_order(pictures: list[Picture], random: Any) -> None:
    lost = decided(pictures)
    kept = [picture for picture in pictures if picture[0] not in lost]
    assert sorted(picture[1] for picture in kept) == sorted({picture[1] for picture in pictures})
    by_key = {picture[0]: picture for picture in pictures}
    for one, (witness, _) in lost.items():
        assert witness not in lost and by_key[one][1] == by_key[witness][1]
        better = [(-by_key[k][2] * by_key[k][3], k) for k in (witness, one)]
        assert better == sorted(better)
    shuffled = list(pictures)
    random.shuffle(shuffled)
    assert decided(shuffled) == lost and decided(kept) == {}
