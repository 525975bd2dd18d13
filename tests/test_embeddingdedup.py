"""Near-duplicates by embedding, against every pair of a cluster compared, and what borders between clusters miss."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.columns import Columns, Lists
from filters.embeddingdedup import EmbeddingDedup
from filters.sphere import centres, nearest, units

Vectors = NDArray[np.float32]


def clouds(count: int, dimensions: int, clouds: int, width: float) -> Vectors:
    random = np.random.default_rng(dimensions)
    around = random.normal(size=(clouds, dimensions))
    found = around[random.integers(clouds, size=count)] + width * random.normal(size=(count, dimensions))
    return (found * random.uniform(0.1, 9, (count, 1))).astype(np.float32)


def corpus(rows: Any, pixels: Any = None) -> Columns:
    random = np.random.default_rng(len(rows))
    sides = random.choice([100, 200], len(rows)) if pixels is None else pixels
    arrays = {
        "key": random.integers(0, 256, 16 * len(rows), np.uint8).view("S16"),
        "embedding": Lists.of(rows, np.float32),
        "width_px": np.array(sides, np.uint32),
        "height_px": np.ones(len(rows), np.uint32),
    }
    return Columns(len(rows), arrays)


def decided(judging: EmbeddingDedup, columns: Columns) -> dict[int, tuple[int, float]]:
    lost = judging.decide(columns, judging.learn([judging.survey(columns)]))
    assert not lost.reason.any() and judging.reasons == ("near_duplicate_embedding",)
    pairs = zip(lost.witnesses.tolist(), lost.measured.tolist(), strict=True)
    return dict(zip(lost.rows.tolist(), pairs, strict=True))


def cosine(one: Vectors, other: Vectors) -> float:
    """Return the cosine, with sums of Python's floats in order."""
    product = square = other_square = 0.0
    for left, right in zip(one.tolist(), other.tolist(), strict=True):
        product, square, other_square = product + left * right, square + left**2, other_square + right**2
    return min(1.0, product / (sqrt(square) * sqrt(other_square)))


@pytest.mark.parametrize("clusters", [1, 6])
@pytest.mark.parametrize(
    ("count", "dimensions", "width"), [(250, 5, 0.3), (150, 67, 0.25), (130, 1, 0.5), (64, 2, 0.1)]
)
def test_the_witness_is_the_one_that_comparing_every_pair_of_the_cluster_finds(
    count: int, dimensions: int, width: float, clusters: int
) -> None:
    vectors = clouds(count, dimensions, 9, width)
    columns, judging = corpus(vectors), EmbeddingDedup(similarity=0.9, clusters=clusters)
    learned = judging.learn([judging.survey(columns)])
    assert len(learned["centres"]) == min(clusters, -(-count // 16))
    cluster = nearest(vectors, learned["centres"])
    keys, pixels = columns.array("key"), columns.array("width_px")
    order = sorted(range(count), key=lambda row: (-int(pixels[row]), keys[row]))
    expected: dict[int, tuple[int, float]] = {}
    for place, row in enumerate(order):
        for better in order[:place]:
            if cluster[row] == cluster[better] and (found := cosine(vectors[row], vectors[better])) >= 0.9:
                expected[row] = better, found
                break
    assert len(expected) > 10
    assert decided(judging, columns) == expected


def test_what_has_no_direction_is_near_to_nothing() -> None:
    one = [3.0, 4.0]
    rows = [[0, 0], [0, 0], [np.nan, 1], [np.nan, 1], [np.inf, 0], [np.inf, 0], [], [], one, one, [-3, -4], [1e-40, 0]]
    columns = corpus(rows, range(12, 0, -1))
    assert decided(EmbeddingDedup(), columns) == {9: (8, 1.0)}
    assert len(EmbeddingDedup().survey(columns)["vectors"]) == 4


@pytest.mark.parametrize("scale", [1e-38, 1e38])
def test_the_length_of_a_vector_does_not_matter(scale: float) -> None:
    one = np.array([0.6, -0.8, 0.1], np.float32)
    [(row, (witness, measured))] = decided(EmbeddingDedup(), corpus([one, one * np.float32(scale)], [2, 1])).items()
    assert (row, witness) == (1, 0) and measured == pytest.approx(1)


def test_a_cluster_is_the_same_however_many_vectors_are_asked_about() -> None:
    vectors = clouds(300, 37, 9, 0.5)
    centres_KD = centres(vectors, 100)
    together = nearest(vectors, centres_KD)
    assert together.tolist() == [int(nearest(vector[None], centres_KD)[0]) for vector in vectors]
    exact = units(vectors).astype(np.float64) @ centres_KD.astype(np.float64).T
    np.testing.assert_allclose(exact[np.arange(300), together], exact.max(axis=1), atol=1e-6)


def test_of_centres_that_are_as_near_the_first_is_taken() -> None:
    centre = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    assert nearest(np.array([[2, 0.1], [0, 3], [1, 1]], np.float32), centre).tolist() == [1, 0, 0]


def test_centres_move_to_the_middle_of_what_is_nearest_to_them() -> None:
    vectors = clouds(600, 16, 8, 0.3)
    moved = centres(vectors, 12)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)

    def closeness(centre: Vectors) -> float:
        return float((units(vectors) @ centre.T).max(axis=1).mean())

    assert closeness(moved) > closeness(units(vectors)[:12]) + 0.02


def test_few_pairs_are_missed_where_there_are_clusters_and_none_that_is_equal() -> None:
    random = np.random.default_rng(0)
    vectors = units(clouds(4000, 32, 40, 0.5))
    noise = random.normal(size=(400, 32))
    noise -= (noise * vectors[:400]).sum(axis=1, keepdims=True) * vectors[:400]
    near = 0.951 * vectors[:400] + sqrt(1 - 0.951**2) * units(noise.astype(np.float32))
    rows = np.concatenate([vectors, near, vectors[400:800]])
    lost = decided(EmbeddingDedup(), corpus(rows, [2] * 4000 + [1] * 800))
    assert sum(row in lost for row in range(4000, 4400)) > 380
    assert all(row in lost for row in range(4400, 4800))


def test_centres_are_learnt_of_the_sample_alone() -> None:
    columns = corpus(clouds(500, 6, 9, 0.4))
    judging = EmbeddingDedup(sample=64, clusters=99)
    survey = judging.survey(columns)
    assert survey["vectors"].shape == (64, 6) and len(judging.learn([survey])["centres"]) == 4
    assert len(EmbeddingDedup().learn([EmbeddingDedup().survey(columns)])["centres"]) == 23
    other = EmbeddingDedup(sample=64, seed="other").survey(columns)
    assert set(other["keys"].tolist()) != set(survey["keys"].tolist())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"similarity": 1.0}, "similarity must be above 0 and below 1, not 1.0: 0.9999 for equal vectors"),
        ({"similarity": 0.0}, "similarity must be above 0"),
        ({"clusters": -1}, "clusters must be 0 or more"),
        ({"sample": 0}, "sample 1 or more"),
    ],
)
def test_values_that_say_nothing_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EmbeddingDedup(**values)


def test_embeddings_of_two_lengths_are_refused() -> None:
    judging = EmbeddingDedup()
    with pytest.raises(ValueError, match="embeddings of 2 and 3 numbers cannot be compared"):
        judging.survey(corpus([[1, 2], [1, 2, 3]]))
    two, three = corpus([[1, 2]]), corpus([[1, 2, 3]])
    with pytest.raises(ValueError, match="embeddings of 2 and 3 numbers cannot be compared"):
        judging.learn([judging.survey(two), judging.survey(three)])
    with pytest.raises(ValueError, match="these embeddings were not surveyed"):
        judging.decide(two, judging.learn([judging.survey(three)]))
