"""The keyed permutation: it is one, it hangs on its key, and it is the same on every machine."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.plan.permutation import permuted

GOLDEN = [4, 9, 11, 5, 6, 10, 1, 8, 2, 0, 7, 3]
GOLDEN_OF_A_BILLION = [221910357, 814749293, 746860123]


@given(st.integers(1, 3000), st.integers(0, 2**70), st.text(max_size=3))
def test_every_number_below_the_count_comes_exactly_once(count: int, seed: int, name: str) -> None:
    found = permuted(np.arange(count), count, seed, name)
    assert sorted(found.tolist()) == list(range(count))


@given(st.integers(1, 2**40), st.data())
def test_a_place_is_sent_to_one_place_whatever_is_asked_beside_it(count: int, data: st.DataObject) -> None:
    places = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=20)))
    alone = [int(permuted(places[at : at + 1], count, 7)[0]) for at in range(len(places))]
    assert permuted(places, count, 7).tolist() == alone
    assert all(0 <= one < count for one in alone)


def test_the_order_is_the_same_everywhere() -> None:
    assert permuted(np.arange(12), 12, 0, "source", 3).tolist() == GOLDEN
    assert permuted(np.array([0, 1, 999_999_999]), 1_000_000_000, 1).tolist() == GOLDEN_OF_A_BILLION


def test_every_order_of_four_comes_about_as_often() -> None:
    drawn = [tuple(permuted(np.arange(4), 4, key).tolist()) for key in range(6000)]
    counts = np.array([drawn.count(order) for order in permutations(range(4))])
    chi_squared = float(((counts - 250) ** 2 / 250).sum())
    assert chi_squared < 52.6, "beyond one in 2,500 for 23 degrees of freedom"


def test_neighbours_are_torn_apart() -> None:
    count = 100_000
    found = permuted(np.arange(count), count, 5, "s", 0)
    assert abs(float(np.corrcoef(found[:-1], found[1:])[0, 1])) < 0.02
    assert abs(float(np.corrcoef(found, np.arange(count))[0, 1])) < 0.02
    other = permuted(np.arange(count), count, 5, "s", 1)
    assert int((found == other).sum()) < 10
