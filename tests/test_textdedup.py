"""Near-duplicate texts, against every pair compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filters.columns import Columns, Lists
from filters.signatures import Signatures, nearest_better
from filters.textdedup import TextNearDedup
from schemas.vocabulary.compared import SIGNATURE_PLACES

Values = NDArray[np.uint16]


def by_brute_force(values: Values, may_differ: int) -> list[int]:
    """Return the first of those before each signature that differs from it in so few places, or -1."""
    found = []
    for at in range(len(values)):
        near = np.count_nonzero(values[:at] != values[at], axis=1) <= may_differ
        found.append(int(near.argmax()) if near.any() else -1)
    return found


def changed(random: np.random.Generator, signature: Values, places: Any) -> Values:
    """Return the signature with other values in these places."""
    found = signature.copy()
    found[places] ^= random.integers(1, 1 << 16, len(places), np.uint16)
    return found


def some(random: np.random.Generator, count: int) -> Values:
    return random.integers(0, 1 << 16, (count, SIGNATURE_PLACES), np.uint16)


def clouds(count: int, centres: int, most: int) -> Values:
    """Signatures around a few centres, so that chains, ties and crowded runs abound."""
    random = np.random.default_rng(count)
    around = some(random, centres)
    return np.array(
        [
            changed(
                random,
                around[random.integers(centres)],
                random.permutation(SIGNATURE_PLACES)[: random.integers(most + 1)],
            )
            for _ in range(count)
        ]
    )


def phrase(count: int, share: float) -> Values:
    """Signatures of which a share of the places is the same in all, and in each tenth those of another by and large."""
    random = np.random.default_rng(int(100 * share))
    values = some(random, count)
    values = np.where(random.random(values.shape) < share, values[0], values)
    for at in range(count // 2, count, 10):
        values[at] = changed(
            random, values[at - count // 3], random.permutation(SIGNATURE_PLACES)[: random.integers(15, 31)]
        )
    return values


def crowd(first: int, last: int, cloud: bool = False) -> Values:
    """More signatures than a run holds uncut: the first bands are the same in all, and pairs of them agree besides in
    the last bands alone, so that only the crowd holds both. In a cloud all but ten are near one another.
    """
    random = np.random.default_rng(first)
    values = some(random, 2500)
    values[:, : 4 * first] = values[0, : 4 * first]
    if cloud:
        for at in range(10, 2500):
            values[at] = changed(random, values[0], 4 * first + random.permutation(SIGNATURE_PLACES - 4 * first)[:11])
    bands = np.arange(first, 28 - last)
    for at in range(1, 10 if cloud else 2500, 2):
        values[at] = changed(random, values[at - 1], 4 * bands + random.integers(0, 4, len(bands)))
    return values


CORPORA = {
    "scattered": some(np.random.default_rng(0), 500),
    "clouds": clouds(900, 20, 40),
    "one crowd": clouds(700, 1, 50),
    "all equal": np.full((400, SIGNATURE_PLACES), 7, np.uint16),
    "a phrase that half the places share": phrase(1500, 0.55),
    "a phrase that most places share": phrase(900, 0.8),
    "a crowd in three bands": crowd(3, 3),
    "a crowd not worth cutting": crowd(6, 0),
    "a crowd of which few have no witness": crowd(6, 0, cloud=True),
    "few values": np.random.default_rng(1).integers(0, 2, (600, SIGNATURE_PLACES)).astype(np.uint16),
}


@pytest.mark.parametrize(("bands", "may_differ"), [(28, 22), (28, 27), (28, 5), (56, 40), (16, 10), (1, 0), (112, 60)])
@pytest.mark.parametrize("name", CORPORA)
def test_the_witness_is_the_one_that_comparing_every_pair_finds(name: str, bands: int, may_differ: int) -> None:
    order = np.random.default_rng(may_differ).permutation(len(CORPORA[name]))
    found = nearest_better(Signatures(CORPORA[name], order, bands, may_differ))
    assert found.tolist() == by_brute_force(CORPORA[name][order], may_differ)


@settings(max_examples=200)
@given(
    st.sets(st.integers(0, SIGNATURE_PLACES - 1), max_size=30),
    st.sampled_from([(28, 22), (28, 27), (56, 23), (112, 29)]),
)
def test_a_pair_is_found_wherever_it_differs(places: set[int], scheme: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    [one] = some(random, 1)
    pair = np.stack([one, changed(random, one, sorted(places))])
    near = 0 if len(places) <= scheme[1] else -1
    assert nearest_better(Signatures(pair, np.arange(2), *scheme)).tolist() == [-1, near]


@pytest.mark.parametrize("last", range(28))
def test_one_band_that_agrees_is_enough(last: int) -> None:
    random = np.random.default_rng(0)
    [one] = some(random, 1)
    bands = random.permutation([band for band in range(28) if band != last])
    pair = np.stack([one, changed(random, one, bands * 4 + random.integers(0, 4, 27))])
    assert nearest_better(Signatures(pair, np.arange(2), 28, 27)).tolist() == [-1, 0]


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def decided(judging: TextNearDedup, rows: list[tuple[int, Any, list[int]]]) -> dict[int, tuple[int, float]]:
    """Return who goes, by number: to whom, and the share of places that agree."""
    columns = Columns(
        len(rows),
        {
            "key": np.array([key(number) for number, _, _ in rows], "S16"),
            "minhash": Lists.of([signature for _, signature, _ in rows], np.uint16),
            "text_chars": Lists.of([chars for _, _, chars in rows], np.uint32),
        },
    )
    lost = judging.decide(columns, {})
    assert not lost.reason.any() and judging.reasons == ("near_duplicate_text",)
    return {
        rows[row][0]: (rows[witness][0], measured)
        for row, witness, measured in zip(lost.rows, lost.witnesses, lost.measured.tolist(), strict=True)
    }


def test_the_longer_text_stays_and_then_the_smaller_key_and_the_share_is_named() -> None:
    random = np.random.default_rng(0)
    [one, stranger] = some(random, 2)
    near, nearer, far = (changed(random, one, range(places)) for places in (22, 3, 23))
    rows = [
        (9, near, [5, 5]),
        (3, one, [10, 1]),
        (4, one, [11]),
        (1, stranger, [1]),
        (2, far, [12]),
        (8, [], []),
        (7, [], [400]),
        (5, nearer, []),
    ]
    lost = decided(TextNearDedup(), rows)
    assert lost == {9: (3, 90 / 112), 4: (3, 1.0), 5: (3, 109 / 112)}


def test_what_a_witness_needs_is_the_share_that_similarity_says() -> None:
    random = np.random.default_rng(0)
    [one] = some(random, 1)
    for similarity, bands, most in ((0.8, 28, 22), (0.75, 56, 28), (90 / 112, 28, 22), (91 / 112, 28, 21), (1.0, 1, 0)):
        for places in (most, most + 1):
            other = changed(random, one, random.permutation(SIGNATURE_PLACES)[:places])
            lost = decided(TextNearDedup(similarity, bands), [(1, one, [1]), (2, other, [1])])
            assert lost == ({2: (1, (SIGNATURE_PLACES - places) / SIGNATURE_PLACES)} if places == most else {})


@pytest.mark.parametrize(
    ("similarity", "bands", "said"),
    [
        (0.8, 27, r"bands must divide 112 \(1, 2, 4, 7, 8, 14, 16, 28, 56, 112\), not 27"),
        (0.75, 28, "give bands=56, or a similarity of 0.751 or more"),
        (0.3, 56, "lets 78 of 112 places differ.*none of 56 bands: give bands=112, or a similarity of 0.501 or more"),
        (0.0, 28, "similarity must be above 0 and at most 1, not 0.0"),
        (1.1, 28, "similarity must be above 0"),
    ],
)
def test_what_the_bands_do_not_serve_is_refused_with_what_would_do(similarity: float, bands: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TextNearDedup(similarity, bands)


def test_the_similarity_that_is_advised_is_served() -> None:
    assert TextNearDedup(0.751).copies == 28 and TextNearDedup(0.501, 56).copies == 56 and TextNearDedup().copies == 23


def test_a_signature_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1: a signature of 3 values, not 112"):
        decided(TextNearDedup(), [(1, [], []), (2, [1, 2, 3], [4])])
