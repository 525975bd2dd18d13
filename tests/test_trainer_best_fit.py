"""Best-fit decreasing: what a plain search over all sequences does, and how full it fills them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadInput
from trainer.plan.best_fit import best_fit

lengths = st.integers(1, 5000).flatmap(
    lambda most: st.tuples(
        st.just(most), st.lists(st.one_of(st.integers(1, most), st.integers(1, min(most, 70))), max_size=120)
    )
)


def searched(tokens: list[int], most: int) -> list[int]:
    """Look at every open sequence for each document: the least room that is enough, of equals the one touched last."""
    rooms, touched, found = list[int](), list[int](), [0] * len(tokens)
    for time, document in enumerate(sorted(range(len(tokens)), key=lambda one: (-tokens[one], one))):
        fitting = [(room, -touched[at], at) for at, room in enumerate(rooms) if room >= tokens[document]]
        if fitting:
            at = min(fitting)[2]
        else:
            at = len(rooms)
            rooms.append(most)
            touched.append(0)
        rooms[at] -= tokens[document]
        touched[at] = time
        found[document] = at
    return found


@given(lengths)
def test_it_is_what_a_search_over_all_sequences_finds(case: tuple[int, list[int]]) -> None:
    most, tokens = case
    assert best_fit(np.array(tokens, np.int64), most).tolist() == searched(tokens, most)


@given(lengths)
def test_no_sequence_overflows_and_none_is_empty(case: tuple[int, list[int]]) -> None:
    most, tokens = case
    sums = np.bincount(best_fit(np.array(tokens, np.int64), most), tokens)
    assert (sums > 0).all() and (sums <= most).all()


def test_most_sequences_of_many_sizes_are_searched_alike() -> None:
    tokens = np.random.default_rng(3).integers(1, 32_769, 1500)
    assert best_fit(tokens, 32_768).tolist() == searched(tokens.tolist(), 32_768)


@pytest.mark.parametrize("tokens", [[3, 0], [9]])
def test_what_cannot_be_packed_is_refused(tokens: list[int]) -> None:
    with pytest.raises(BadInput, match=r"for sequences of 8; leave out what is empty or longer"):
        best_fit(np.array(tokens), 8)
