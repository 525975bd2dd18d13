"""Randomness from keys: the same everywhere, even, and independent between seeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.draw import fraction


@pytest.mark.parametrize(
    ("key", "seed", "drawn"),
    [("0" * 32, "val", 0.2745485302300642), ("abc", "", 0.3774327167359399), ("é", "val", 0.5942064911244808)],
)
def test_a_fraction_is_this_number_for_ever(key: str, seed: str, drawn: float) -> None:
    assert fraction(key, seed) == drawn


@given(st.text("0123456789abcdef", max_size=32), st.text("ab\0", max_size=4))
def test_a_fraction_lies_below_one(key: str, seed: str) -> None:
    assert 0 <= fraction(key, seed) < 1


def test_fractions_are_even_and_two_seeds_know_nothing_of_each_other() -> None:
    keys = [f"{n:032x}" for n in range(20_000)]
    one, other = ({key for key in keys if fraction(key, seed) < 0.1} for seed in ("one", "other"))
    assert len(one) == pytest.approx(2000, abs=170) and len(other) == pytest.approx(2000, abs=170)
    assert len(one & other) == pytest.approx(200, abs=60)
