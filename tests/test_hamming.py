"""The first near hash of those before, against every pair compared."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters.bands import BANDS, MOST_RADIUS
from filters.hamming import nearest_better

ALL = (1 << 64) - 1
Hashes = NDArray[np.uint64]


def by_brute_force(hashes: Hashes, radius: int, block: int = 256) -> NDArray[np.int64]:
    """Return the first of those before each hash that lies within the radius, or -1."""
    found = np.full(len(hashes), -1)
    for begin in range(0, len(hashes), block):
        end = min(begin + block, len(hashes))
        near = np.bitwise_count(hashes[begin:end, None] ^ hashes[:end]) <= radius
        near &= np.arange(end) < np.arange(begin, end)[:, None]
        found[begin:end] = np.where(near.any(axis=1), near.argmax(axis=1), -1)
    return found


def random_hashes(random: np.random.Generator, count: int) -> Hashes:
    return random.integers(0, ALL, count, dtype=np.uint64, endpoint=True)


def flipped(random: np.random.Generator, hashes: Hashes, most_bits: int) -> Hashes:
    """Each hash with none to so many of its bits flipped."""
    bits = random.permuted(np.tile(np.arange(64, dtype=np.uint64), (len(hashes), 1)), axis=1)[:, :most_bits]
    flip = np.arange(most_bits) < random.integers(0, most_bits + 1, len(hashes))[:, None]
    masks = np.where(flip, np.uint64(1) << bits, np.uint64(0))
    return hashes ^ np.bitwise_xor.reduce(masks, axis=1)


def around(seed: int, count: int, centres: int, most_bits: int) -> Hashes:
    """Hashes that lie around a few centres, so that chains, ties and crowded buckets abound."""
    random = np.random.default_rng(seed)
    return flipped(random, random.choice(random_hashes(random, centres), count), most_bits)


def alike_rows(seed: int, count: int) -> Hashes:
    """Hashes whose eight bytes are much alike, as those of gradients are."""
    random = np.random.default_rng(seed)
    noise = random.random((count, 8, 8)) < 0.12
    noise[:, 0] = random.random((count, 8)) < 0.5
    return np.packbits(np.logical_xor.accumulate(noise, axis=1)).view(np.uint64)


SINGLE_BITS = [0, *(1 << bit for bit in range(64)), ALL, *(ALL ^ (1 << bit) for bit in range(64))]
CORPORA = {
    "scattered": random_hashes(np.random.default_rng(0), 2000),
    "clouds": around(1, 2000, 40, 5),
    "one crowd": around(2, 2000, 1, 7),
    "all zero": np.zeros(1500, np.uint64),
    "all in 12 bits": random_hashes(np.random.default_rng(3), 3000) & np.uint64(0x0707070700000000),
    "hot templates": np.concatenate([np.zeros(900, np.uint64), np.full(900, ALL, np.uint64), around(3, 400, 3, 4)]),
    "single bits": np.array(SINGLE_BITS, np.uint64),
    "equal in all but two bands": np.array([0, (1 << 33) - 1, 1 << 63, (1 << 44) | 1], np.uint64),
}


@pytest.mark.parametrize("radius", range(MOST_RADIUS + 1))
@pytest.mark.parametrize("name", CORPORA)
def test_the_witness_is_the_one_that_comparing_every_pair_finds(name: str, radius: int) -> None:
    hashes = np.random.default_rng(radius).permutation(CORPORA[name])
    np.testing.assert_array_equal(nearest_better(hashes, radius), by_brute_force(hashes, radius))


def test_twenty_thousand_hashes_find_the_witness_that_comparing_every_pair_finds() -> None:
    parts = [
        random_hashes(np.random.default_rng(4), 6000),
        alike_rows(5, 4000),
        around(6, 2500, 500, 6),
        around(7, 3500, 1, 16),
        around(8, 2000, 3, 8),
        np.zeros(1000, np.uint64),
        np.repeat(random_hashes(np.random.default_rng(9), 10), 100),
    ]
    hashes = np.random.default_rng(10).permutation(np.concatenate(parts))
    expected = by_brute_force(hashes, 4)
    assert len(hashes) == 20_000 and 5_000 < (expected >= 0).sum() < 7_000
    for threads in (1, 2, 5):
        np.testing.assert_array_equal(nearest_better(hashes, 4, threads), expected)


@settings(max_examples=100)
@given(st.lists(st.integers(0, ALL) | st.sets(st.integers(0, 63), max_size=5), max_size=25), st.integers(0, 4))
def test_any_few_hashes_find_the_witness_that_comparing_finds(drawn: list[Any], radius: int) -> None:
    values = [sum(1 << bit for bit in one) if isinstance(one, set) else one for one in drawn]
    hashes = np.array(values, np.uint64)
    np.testing.assert_array_equal(nearest_better(hashes, radius), by_brute_force(hashes, radius))


@pytest.mark.parametrize("more_bits", [0, 8])
@pytest.mark.parametrize("agreeing", list(combinations(range(len(BANDS)), 2)))
def test_pairs_that_agree_in_two_bands_alone_are_found_in_a_crowd_that_agrees_there(
    agreeing: tuple[int, int], more_bits: int
) -> None:
    """A bit is flipped in each other band, so that of the five parts into which these are cut only one may agree.
    Where the crowd agrees in 8 bits more, those of the first part, that part is cut again."""
    random = np.random.default_rng(agreeing)
    free = [BANDS[band] for band in range(len(BANDS)) if band not in agreeing]
    free[0] = (free[0][0] + more_bits, free[0][1] - more_bits)
    crowd = random_hashes(random, 600) & np.uint64(sum(((1 << width) - 1) << start for start, width in free))
    pairs = crowd[300:].copy()
    for start, width in free:
        pairs ^= np.uint64(1) << random.integers(start, start + width, len(pairs), dtype=np.uint64)
    hashes = np.concatenate([crowd, pairs])
    found = nearest_better(hashes, 4)
    assert (found[600:] >= 0).all()
    np.testing.assert_array_equal(found, by_brute_force(hashes, 4))


def test_the_bands_cover_every_bit_once() -> None:
    assert [bit for start, width in BANDS for bit in range(start, start + width)] == list(range(64))


def test_equal_hashes_name_the_first_near_one_and_else_the_first_of_them() -> None:
    hashes = np.array([ALL, 0, 7, 7, 0, 1 << 40, ALL, 7], np.uint64)
    assert nearest_better(hashes, 3).tolist() == [-1, -1, 1, 1, 1, 1, 0, 1]
    assert nearest_better(hashes, 0).tolist() == [-1, -1, -1, 2, 1, -1, 0, 2]
