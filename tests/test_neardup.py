"""Near-duplicates: the promises of the local-minimum rule."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.bands import MOST_RADIUS
from filters.columns import Columns
from filters.neardup import NearDedup

ALL = (1 << 64) - 1


def cloud(seed: int, count: int, centres: int, most_bits: int) -> NDArray[np.uint64]:
    """Hashes that lie around a few centres, each bit of a pattern flipped once or twice."""
    random = np.random.default_rng(seed)
    hashes = random.choice(random.integers(0, ALL, centres, dtype=np.uint64, endpoint=True), count)
    for _ in range(most_bits):
        flip = np.uint64(1) << random.integers(0, 64, count, dtype=np.uint64)
        hashes = np.where(random.random(count) < 0.5, hashes ^ flip, hashes)
    return hashes


CORPORA = {
    "clouds": cloud(1, 2000, 40, 8),
    "one crowd": cloud(2, 800, 1, 14),
    "hot templates": np.concatenate([np.zeros(900, np.uint64), np.full(900, ALL, np.uint64), cloud(3, 400, 3, 8)]),
    "single bits": np.array([0, *(1 << bit for bit in range(64)), ALL, *(ALL ^ (1 << bit) for bit in range(64))], "u8"),
    "empty": np.empty(0, np.uint64),
    "one": np.zeros(1, np.uint64),
}


@pytest.mark.parametrize("radius", [-1, 5])
def test_a_radius_that_the_bands_do_not_serve_is_refused(radius: int) -> None:
    with pytest.raises(ValueError, match="radius must be 0 to 4"):
        NearDedup(radius=radius)


def corpus(hashes: NDArray[np.uint64], seed: int) -> Columns:
    random = np.random.default_rng(seed)
    keys = np.array([bytes(random.integers(0, 256, 16, dtype=np.uint8)) for _ in hashes], "S16")
    sides = random.choice(np.array([100, 200, 65_536], np.uint32), (2, len(hashes)))
    return Columns(len(hashes), {"key": keys, "phash": hashes, "width_px": sides[0], "height_px": sides[1]})


def decided(columns: Columns, radius: int) -> dict[bytes, tuple[bytes, float]]:
    lost = NearDedup(radius=radius).decide(columns, {})
    keys = columns.array("key")
    assert len(set(lost.rows.tolist())) == len(lost.rows)
    return {
        bytes(keys[row]): (bytes(keys[witness]), measured)
        for row, witness, measured in zip(lost.rows, lost.witnesses, lost.measured.tolist(), strict=True)
    }


@pytest.mark.parametrize("radius", range(MOST_RADIUS + 1))
@pytest.mark.parametrize("name", CORPORA)
def test_the_rule_of_the_local_minimum_holds(name: str, radius: int) -> None:
    columns = corpus(CORPORA[name], seed=radius)
    lost = decided(columns, radius)
    hashes, keys = columns.array("phash"), [bytes(one) for one in columns.array("key")]
    pixels = columns.array("width_px").astype(object) * columns.array("height_px").astype(object)
    rank = {row: (-pixels[row], keys[row]) for row in range(columns.count)}
    row_of = {one: row for row, one in enumerate(keys)}

    for one, (witness, distance) in lost.items():
        mine, its = row_of[one], row_of[witness]
        near = np.flatnonzero(np.bitwise_count(hashes ^ hashes[mine]) <= radius)
        assert its == min(near.tolist(), key=lambda row: rank[row]) != mine
        assert distance == int(hashes[mine] ^ hashes[its]).bit_count()

    kept = np.array([row for row, one in enumerate(keys) if one not in lost], np.int64)
    between = np.bitwise_count(hashes[kept][:, None] ^ hashes[kept][None, :]) <= radius
    assert between.sum() == len(kept)
    assert decided(columns.take(kept), radius) == {}

    order = np.random.default_rng(7).permutation(columns.count)
    assert decided(columns.take(order), radius) == lost


def test_a_row_is_spread_once_to_a_bucket_and_to_five_at_most() -> None:
    columns, near = corpus(CORPORA["clouds"], 0), NearDedup()
    for count in (1, 3, 100_000):
        spread = near.spread(columns, {}, count)
        pairs = list(zip(spread.rows.tolist(), spread.buckets.tolist(), strict=True))
        assert len(set(pairs)) == len(pairs)
        assert np.bincount(spread.rows, minlength=columns.count).min() >= 1
        assert np.bincount(spread.rows).max() <= min(near.copies, count)
