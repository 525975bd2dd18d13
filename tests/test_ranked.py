"""The rank: more merit, then the smaller key, as sorting pairs of Python's own says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.corpus import PIECE_ROWS, ranked, sorted_order

MOST = 2**64 - 1


@given(
    st.lists(
        st.tuples(st.integers(0, MOST) | st.sampled_from([0, 1, 5, MOST]), st.binary(min_size=16, max_size=16)),
        unique_by=lambda pair: pair[1],
    )
)
def test_the_rank_is_that_of_sorted_pairs(pairs: list[tuple[int, bytes]]) -> None:
    merit = np.array([merit for merit, _ in pairs], np.uint64)
    keys = np.array([key for _, key in pairs], "S16")
    expected = sorted(range(len(pairs)), key=lambda row: (-pairs[row][0], pairs[row][1]))
    assert ranked(merit, keys).tolist() == expected


@pytest.mark.parametrize("most_merit", [0, 1, 1 << 24, MOST])
@pytest.mark.parametrize("most_high", [1, MOST])
def test_the_rank_is_the_same_where_rows_take_many_pieces(most_merit: int, most_high: int) -> None:
    random = np.random.default_rng(most_high)
    count = 5 * PIECE_ROWS + 3
    merit = random.choice(random.integers(0, most_merit, 50, dtype=np.uint64, endpoint=True), count)
    high = random.integers(0, most_high, count, dtype=np.uint64, endpoint=True)
    low = random.integers(0, MOST, count, dtype=np.uint64, endpoint=True)
    keys = np.stack([high, low], axis=1).astype(">u8").view("S16").ravel()
    np.testing.assert_array_equal(ranked(merit, keys), np.lexsort((low, high, ~merit)))


def test_sorted_order_puts_every_row_once_whatever_repeats() -> None:
    random = np.random.default_rng(0)
    values = random.permutation(np.r_[np.zeros(40_000, np.uint64), random.integers(0, MOST, 40_000, dtype=np.uint64)])
    order, found = sorted_order(values)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(values)))
    np.testing.assert_array_equal(values[order], found)
    np.testing.assert_array_equal(found, np.sort(values))
