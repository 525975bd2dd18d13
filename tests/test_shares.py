"""Shares: categories are thinned to what was asked for, by draws of their own, in any buckets."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.columns import Columns
from filters.shares import Shares
from schemas.errors import BadInput


def corpus(categories: list[str], first: int = 0) -> Columns:
    keys = [sha256(str(first + number).encode()).digest()[:16] for number in range(len(categories))]
    named = np.empty(len(categories), object)
    named[:] = categories
    return Columns(len(categories), {"key": np.array(keys, "S16"), "category": named})


def kept(judging: Shares, columns: Columns) -> dict[str, int]:
    lost = judging.decide(columns, judging.learn([judging.survey(columns)]))
    stay = np.delete(columns.array("category"), lost.rows)
    return {name: int((stay == name).sum()) for name in sorted({*columns.array("category").tolist()})}


def test_a_corpus_of_nine_to_one_comes_to_the_shares_asked_for_within_two_percent() -> None:
    columns = corpus(["a"] * 9000 + ["b"] * 1000)
    found = kept(Shares((("a", 0.5), ("b", 0.5))), columns)
    assert found["b"] == 1000 and abs(found["a"] - 1000) <= 20
    third = kept(Shares((("a", 0.25), ("b", 0.75)), total=600), columns)
    assert abs(third["a"] - 150) <= 3 and abs(third["b"] - 450) <= 9


def test_the_scarce_stay_whole_where_a_total_is_given_and_the_unnamed_go_or_share_what_is_left() -> None:
    columns = corpus(["a"] * 500 + ["b"] * 10 + ["c"] * 300 + ["d"] * 300)
    found = kept(Shares((("a", 0.2), ("b", 0.6), ("nobody", 0.2)), total=500), columns)
    assert found["b"] == 10 and abs(found["a"] - 100) <= 3 and (found["c"], found["d"]) == (0, 0)
    rest = kept(Shares((("a", 0.5), ("*", 0.5)), total=400), columns)
    assert abs(rest["a"] - 200) <= 3 and abs(sum(rest.values()) - 400) <= 6 and min(rest["c"], rest["d"]) > 60
    judging = Shares((("a", 1.0),), total=50)
    lost = judging.decide(columns, judging.learn([judging.survey(columns)]))
    said = {judging.reasons[reason] for reason in lost.reason.tolist()}
    assert said == {"over_share", "no_share"} and {*np.round(lost.measured, 6)} == {0.1, 0.0}


@given(
    categories=st.lists(st.sampled_from("abcd"), min_size=1, max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=3),
    count=st.integers(1, 5),
)
def test_parts_and_buckets_decide_what_all_rows_together_do(categories: list[str], cuts: list[int], count: int) -> None:
    judging, columns = Shares((("a", 0.4), ("b", 0.4), ("*", 0.2))), corpus(categories)
    pieces = np.split(np.arange(columns.count), sorted({min(cut, columns.count) for cut in cuts}))
    learned = judging.learn([judging.survey(columns.take(piece)) for piece in pieces])
    whole = judging.learn([judging.survey(columns)])
    assert all((learned[name] == whole[name]).all() for name in whole)
    spread = judging.spread(columns, learned, count)
    lost = set[int]()
    for bucket in range(count):
        rows = spread.rows[spread.buckets == bucket]
        lost |= {*rows[judging.decide(columns.take(rows), learned).rows].tolist()}
    assert lost == {*judging.decide(columns, whole).rows.tolist()}


def test_a_sample_that_stays_at_a_small_share_stays_at_a_larger_one() -> None:
    columns = corpus(["a"] * 2000)

    def stays(total: int) -> set[int]:
        judging = Shares((("a", 1.0),), total)
        return {*range(2000)} - {*judging.decide(columns, judging.learn([judging.survey(columns)])).rows.tolist()}

    assert stays(200) < stays(400) and abs(len(stays(200)) - 200) <= 2


@pytest.mark.parametrize(
    "targets", [(), (("a", 0.5),), (("a", 0.5), ("a", 0.5)), (("a", 1.5), ("b", -0.5)), (("a", 1.0), ("b", 0.0))]
)
def test_shares_that_make_no_sense_are_refused(targets: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(BadInput, match="add up to 1"):
        Shares(targets)
