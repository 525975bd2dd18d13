"""Near-duplicates, against every pair compared: the witness of each, and the rule's promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters.columns import Columns
from filters.neardup import BANDS, MOST_RADIUS, NearDedup, nearest_better

ALL = (1 << 64) - 1


def by_brute_force(hashes: NDArray[np.uint64], radius: int) -> NDArray[np.int64]:
    """Return the first of those before each hash that lies within the radius, or -1."""
    found = np.full(len(hashes), -1)
    for at in range(1, len(hashes)):
        near = np.flatnonzero(np.bitwise_count(hashes[:at] ^ hashes[at]) <= radius)
        if len(near):
            found[at] = near[0]
    return found


def flipped(random: np.random.Generator, value: int, bits: int) -> int:
    return value ^ sum(1 << int(bit) for bit in random.choice(64, bits, replace=False))


def clouds(seed: int, count: int, centres: int, most_bits: int) -> NDArray[np.uint64]:
    """Hashes that lie around a few centres, so that chains, ties and crowded buckets abound."""
    random = np.random.default_rng(seed)
    around = [int(value) for value in random.integers(0, ALL, centres, dtype=np.uint64, endpoint=True)]
    return np.array(
        [flipped(random, around[random.integers(centres)], random.integers(most_bits + 1)) for _ in range(count)],
        np.uint64,
    )


CORPORA = {
    "scattered": np.random.default_rng(0).integers(0, ALL, 2000, dtype=np.uint64, endpoint=True),
    "clouds": clouds(1, 2000, 40, 5),
    "one crowd": clouds(2, 800, 1, 7),
    "all zero": np.zeros(1500, np.uint64),
    "hot templates": np.concatenate([np.zeros(900, np.uint64), np.full(900, ALL, np.uint64), clouds(3, 400, 3, 4)]),
    "single bits": np.array([0, *(1 << bit for bit in range(64)), ALL, *(ALL ^ (1 << bit) for bit in range(64))], "u8"),
    "equal in all but two bands": np.array([0, (1 << 33) - 1, 1 << 63, (1 << 44) | 1], "u8"),
}


@pytest.mark.parametrize("radius", range(MOST_RADIUS + 1))
@pytest.mark.parametrize("name", CORPORA)
def test_the_witness_is_the_one_that_comparing_every_pair_finds(name: str, radius: int) -> None:
    hashes = CORPORA[name].copy()
    np.random.default_rng(radius).shuffle(hashes)
    np.testing.assert_array_equal(nearest_better(hashes, radius), by_brute_force(hashes, radius))


@settings(max_examples=150)
@given(st.lists(st.integers(0, ALL) | st.sets(st.integers(0, 63), max_size=5), max_size=25), st.integers(0, 4))
def test_any_few_hashes_find_the_witness_that_comparing_finds(drawn: list[Any], radius: int) -> None:
    values = [sum(1 << bit for bit in one) if isinstance(one, set) else one for one in drawn]
    hashes = np.array(values, np.uint64)
    np.testing.assert_array_equal(nearest_better(hashes, radius), by_brute_force(hashes, radius))


def test_the_bands_cover_every_bit_once() -> None:
    assert [bit for start, width in BANDS for bit in range(start, start + width)] == list(range(64))


@pytest.mark.parametrize("bits", range(6))
def test_every_pair_within_the_radius_is_found_and_none_beyond(bits: int) -> None:
    random = np.random.default_rng(bits)
    for _ in range(100):
        one = int(random.integers(0, ALL, dtype=np.uint64, endpoint=True))
        pair = np.array([one, flipped(random, one, bits)], np.uint64)
        for radius in range(MOST_RADIUS + 1):
            assert nearest_better(pair, radius).tolist() == [-1, 0 if bits <= radius else -1]


@pytest.mark.parametrize("radius", [-1, 5])
def test_a_radius_that_the_bands_do_not_serve_is_refused(radius: int) -> None:
    with pytest.raises(ValueError, match="radius must be 0 to 4"):
        NearDedup(radius=radius)


def corpus(hashes: NDArray[np.uint64], seed: int) -> Columns:
    random = np.random.default_rng(seed)
    keys = np.array([bytes(random.integers(0, 256, 16, dtype=np.uint8)) for _ in hashes], "S16")
    sides = random.choice(np.array([100, 200, 65_536], np.uint32), (2, len(hashes)))
    return Columns(len(hashes), {"key": keys, "phash": hashes, "width_px": sides[0], "height_px": sides[1]})


def some_rows(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    return Columns(len(rows), {name: columns.array(name)[rows] for name in columns.names()})


def decided(columns: Columns, radius: int) -> dict[bytes, tuple[bytes, float]]:
    lost = NearDedup(radius=radius).decide(columns)
    keys = columns.array("key")
    assert len(set(lost.rows.tolist())) == len(lost.rows)
    return {
        bytes(keys[row]): (bytes(keys[witness]), measured)
        for row, witness, measured in zip(lost.rows, lost.witnesses, lost.measured.tolist(), strict=True)
    }


@pytest.mark.parametrize("radius", range(MOST_RADIUS + 1))
@pytest.mark.parametrize("name", ["clouds", "one crowd", "hot templates", "single bits"])
def test_the_rule_of_the_local_minimum_holds(name: str, radius: int) -> None:
    columns = corpus(CORPORA[name], seed=radius)
    lost = decided(columns, radius)
    hashes, keys = columns.array("phash"), [bytes(one) for one in columns.array("key")]
    pixels = columns.array("width_px").astype(object) * columns.array("height_px").astype(object)
    row_of = {one: row for row, one in enumerate(keys)}

    for one, (witness, distance) in lost.items():
        mine, its = row_of[one], row_of[witness]
        assert distance == int(hashes[mine] ^ hashes[its]).bit_count() <= radius
        assert (-pixels[its], witness) < (-pixels[mine], one)

    kept = np.array([row for row, one in enumerate(keys) if one not in lost])
    between = np.bitwise_count(hashes[kept][:, None] ^ hashes[kept][None, :]) <= radius
    assert between.sum() == len(kept)
    assert decided(some_rows(columns, kept), radius) == {}

    order = np.random.default_rng(7).permutation(columns.count)
    assert decided(some_rows(columns, order), radius) == lost


def test_nobody_is_lost_where_nobody_is() -> None:
    assert decided(corpus(np.empty(0, np.uint64), 0), 4) == {}
    assert decided(corpus(np.zeros(1, np.uint64), 0), 4) == {}
