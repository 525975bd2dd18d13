"""Buckets: deciding each apart and joining by the best witness is deciding all together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.columns import Columns
from filters.corpus import CorpusFilter, Lost
from filters.exact import ExactDedup
from filters.neardup import NearDedup

FILTERS = [ExactDedup(), NearDedup(radius=4), NearDedup(radius=1), NearDedup(radius=0)]


def pictures(seed: int, count: int, centres: int) -> Columns:
    """Pictures of a few digests and of hashes around a few centres; many are as large as one another."""
    random = np.random.default_rng(seed)
    hashes = random.choice(random.integers(0, 1 << 63, centres, dtype=np.uint64), count)
    for _ in range(6):
        flip = np.uint64(1) << random.integers(0, 64, count, dtype=np.uint64)
        hashes = np.where(random.random(count) < 0.4, hashes ^ flip, hashes)
    halves = random.integers(0, 3, (count, 4), dtype=np.uint32) * np.uint32(0x9E3779B9)
    sides = random.choice(np.array([100, 200, 65_536], np.uint32), (2, count))
    return Columns(
        count,
        {
            "key": np.frombuffer(random.bytes(16 * count), "S16"),
            "digest": halves.view("S16").ravel(),
            "phash": hashes,
            "width_px": sides[0],
            "height_px": sides[1],
        },
    )


def as_rows(lost: Lost) -> dict[int, tuple[int, float, int]]:
    rows = lost.rows.tolist()
    found = dict(
        zip(rows, zip(lost.witnesses.tolist(), lost.measured.tolist(), lost.reason.tolist(), strict=True), strict=True)
    )
    assert len(found) == len(rows)
    return found


def apart(judging: CorpusFilter, columns: Columns, count: int) -> dict[int, tuple[int, float, int]]:
    """Decide each bucket alone; of what the buckets say of a row, what names the best-ranked witness counts."""
    merit, keys = judging.merit(columns).tolist(), columns.array("key").tolist()
    spread = judging.spread(columns, {}, count)
    assert spread.buckets.min(initial=0) >= 0 and spread.buckets.max(initial=0) < count
    found: dict[int, tuple[int, float, int]] = {}
    for bucket in np.unique(spread.buckets):
        rows = spread.rows[spread.buckets == bucket]
        for row, (witness, *said) in as_rows(judging.decide(columns.take(rows), {})).items():
            here: Any = (int(rows[witness]), *said)
            mine = int(rows[row])
            found[mine] = min(found.get(mine, here), here, key=lambda one: (-merit[one[0]], keys[one[0]]))
    return found


@pytest.mark.parametrize("count", [1, 2, 7, 64, 600])
@pytest.mark.parametrize("judging", FILTERS, ids=str)
def test_buckets_decided_apart_say_what_all_together_say(judging: CorpusFilter, count: int) -> None:
    columns = pictures(count, 3000, 60)
    together = as_rows(judging.decide(columns, {}))
    assert 0 < len(together) < columns.count
    assert apart(judging, columns, count) == together


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(1, 5), st.integers(1, 9), st.sampled_from(FILTERS))
def test_any_few_rows_in_any_buckets_say_the_same(
    seed: int, count: int, centres: int, buckets: int, judging: CorpusFilter
) -> None:
    columns = pictures(seed, count, centres)
    assert apart(judging, columns, buckets) == as_rows(judging.decide(columns, {}))
