"""Concept balance, against its rule in plain Python: who stays, with what probability, and by which draw."""

from __future__ import annotations

from hashlib import sha256
from math import prod, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.balance import Balance
from filters.columns import Columns, Lists
from filters.corpus import NOBODY
from filters.draws import draws

WORD = (1 << 64) - 1


def step(state: int, word: int) -> int:
    mixed = ((state ^ word) + 0x9E3779B97F4A7C15) & WORD
    mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & WORD
    mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & WORD
    return mixed ^ mixed >> 31


def draw(key: bytes, entry: int, seed: str) -> int:
    state = int.from_bytes(sha256(seed.encode()).digest()[:8], "big")
    for word in (int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big"), entry):
        state = step(state, word)
    return state


def key_of(number: int) -> bytes:
    return sha256(str(number).encode()).digest()[:16]


def corpus(rows: list[list[int]]) -> Columns:
    keys = np.array([key_of(number) for number in range(len(rows))], "S16")
    return Columns(len(rows), {"key": keys, "concepts": Lists.of(rows, np.uint32)})


def fates(judging: Balance, columns: Columns) -> dict[int, tuple[str, float]]:
    lost = judging.decide(columns, judging.learn([judging.survey(columns)]))
    assert (lost.witnesses == NOBODY).all() and len(lost.witnesses) == len(lost.rows)
    return {
        row: (judging.reasons[reason], measured)
        for row, reason, measured in zip(lost.rows.tolist(), lost.reason, lost.measured.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("key", "entry", "seed", "drawn"),
    [
        (bytes(16), 0, "", 15530874539454683374),
        (bytes(range(16)), 7, "balance", 12587387163344774208),
        (b"\xff" * 16, (1 << 32) - 1, "ünïcode", 8109577970212705130),
    ],
)
def test_a_draw_is_what_it_was(key: bytes, entry: int, seed: str, drawn: int) -> None:
    assert draw(key, entry, seed) == drawn
    assert draws(np.array([key], "S16"), seed, entry).tolist() == [drawn]


@given(st.binary(min_size=16, max_size=16), st.integers(0, (1 << 32) - 1), st.text(max_size=9))
def test_draws_follow_the_formula(key: bytes, entry: int, seed: str) -> None:
    assert draws(np.frombuffer(key, "S16"), seed, entry).tolist() == [draw(key, entry, seed)]


def by_rule(rows: list[list[int]], per_entry: int, seed: str) -> dict[int, tuple[str, float]]:
    count = {entry: 0 for row in rows for entry in row}
    for entry in (entry for row in rows for entry in row):
        count[entry] += 1
    found: dict[int, tuple[str, float]] = {}
    for number, row in enumerate(rows):
        chance = [min(1.0, per_entry / count[entry]) for entry in row]
        passed = [draw(key_of(number), entry, seed) / 2**64 < p for entry, p in zip(row, chance, strict=True)]
        if not any(passed):
            found[number] = ("common_concepts" if row else "no_concept", 1 - prod(1 - p for p in chance))
    return found


@settings(max_examples=60)
@given(st.lists(st.sets(st.integers(0, 5) | st.just(900), max_size=4).map(sorted), max_size=30), st.integers(1, 9))
def test_a_sample_stays_if_any_entry_is_drawn(rows: list[list[int]], per_entry: int) -> None:
    assert fates(Balance(per_entry, seed="s"), corpus(rows)) == by_rule(rows, per_entry, "s")


def zipf(count: int) -> list[list[int]]:
    random = np.random.default_rng(0)
    return [np.unique(random.zipf(1.3, random.integers(1, 4)) % 5000).tolist() for _ in range(count)]


def entropy_bits(rows: list[list[int]]) -> float:
    counts = np.bincount([entry for row in rows for entry in row])
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def test_the_head_is_thinned_to_its_share_and_the_tail_stays() -> None:
    rows, per_entry = zipf(20_000), 200
    counts = np.bincount([entry for row in rows for entry in row])
    lost = fates(Balance(per_entry), corpus(rows))
    assert lost == by_rule(rows, per_entry, "balance")
    assert all(counts[row].min() > per_entry for number, row in enumerate(rows) if number in lost)

    for head in np.argsort(counts)[-3:]:
        alone = [number for number, row in enumerate(rows) if row == [head]]
        share = per_entry / counts[head]
        stayed = sum(number not in lost for number in alone)
        assert len(alone) > 50 and abs(stayed - share * len(alone)) < 4 * sqrt(len(alone) * share * (1 - share))

    due = [1 - prod(1 - min(1.0, per_entry / counts[entry]) for entry in row) for row in rows]
    spread = sqrt(sum(p * (1 - p) for p in due))
    assert abs(len(rows) - len(lost) - sum(due)) < 4 * spread

    kept = [row for number, row in enumerate(rows) if number not in lost]
    assert entropy_bits(kept) > entropy_bits(rows) + 0.5


def test_another_seed_draws_others() -> None:
    columns = corpus(zipf(2000))
    one, other = (set(fates(Balance(20, seed=seed), columns)) for seed in ("one", "other"))
    assert one - other and other - one and fates(Balance(20, seed="one"), columns).keys() == one


def test_counts_are_those_of_the_vocabulary() -> None:
    judging = Balance(1)
    some, more = corpus([[0, 3], [3]]), corpus([[5], [], [0]])
    learned = judging.learn([judging.survey(some), judging.survey(more)])
    assert learned[judging.counts].tolist() == [2, 0, 0, 2, 0, 1]


def test_what_cannot_be_decided_is_refused() -> None:
    with pytest.raises(ValueError, match="per_entry must be 1 or more samples, not 0"):
        Balance(per_entry=0)
    judging, columns = Balance(1), corpus([[0], [7]])
    learned: Any = judging.learn([judging.survey(corpus([[0], [6]]))])
    with pytest.raises(ValueError, match="entry 7 was not counted"):
        judging.decide(columns, learned)
