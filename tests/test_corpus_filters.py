"""What every corpus filter promises: parts, buckets, threads and the order of the rows change no decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from filters import compiled
from filters.balance import Balance
from filters.columns import Columns, Lists
from filters.corpus import NOBODY, CorpusFilter, Learned
from filters.embeddingdedup import EmbeddingDedup
from filters.textdedup import TextNearDedup

Decision = dict[bytes, tuple[str, float, bytes]]

SIZES = (0, 1, 2, 600)
PLACES = 112


def keyed(count: int, arrays: dict[str, Any]) -> Columns:
    keys = np.random.default_rng(count).integers(0, 256, 16 * count, np.uint8).view("S16")
    return Columns(count, {"key": keys, **arrays})


def concepts(count: int) -> Columns:
    random = np.random.default_rng(1)
    rows = [np.unique(random.zipf(1.5, random.integers(0, 5)) % 500) for _ in range(count)]
    return keyed(count, {"concepts": Lists.of(rows, np.uint32)})


def texts(count: int) -> Columns:
    random = np.random.default_rng(2)
    first = random.integers(0, 1 << 16, (12, PLACES))
    rows: list[Any] = []
    for number in range(count):
        signature = first[random.integers(12)].copy()
        changed = random.choice(PLACES, random.integers(0, 30), replace=False)
        signature[changed] = random.integers(0, 1 << 16, len(changed))
        rows.append([] if number % 11 == 5 else signature)
    chars = [random.integers(1, 9, random.integers(0, 3)) for _ in range(count)]
    return keyed(count, {"minhash": Lists.of(rows, np.uint16), "text_chars": Lists.of(chars, np.uint32)})


def pictures(count: int) -> Columns:
    random = np.random.default_rng(3)
    first = random.normal(size=(20, 8))
    vectors = first[random.integers(20, size=count)] + random.normal(size=(count, 8)) * 0.2
    vectors[::7] *= 0
    rows = [[] if number % 13 == 4 else vector for number, vector in enumerate(vectors)]
    sides = random.choice(np.array([100, 200], np.uint32), (2, count))
    return keyed(count, {"embedding": Lists.of(rows, np.float32), "width_px": sides[0], "height_px": sides[1]})


def alike(make: Callable[[int], Columns]) -> Callable[[int], Columns]:
    """Many rows that are all the first one, under keys of their own."""

    def made(count: int) -> Columns:
        arrays = dict(make(1).take(np.zeros(count, np.int64)).items())
        return keyed(count, {name: array for name, array in arrays.items() if name != "key"})

    return made


CASES: dict[str, tuple[CorpusFilter, Callable[[int], Columns]]] = {
    "balance": (Balance(per_entry=20), concepts),
    "balance, alike": (Balance(per_entry=20), alike(lambda count: concepts(5).take(np.array([4])))),
    "text": (TextNearDedup(), texts),
    "text, all bands": (TextNearDedup(similarity=0.76), texts),
    "text, wide bands": (TextNearDedup(similarity=0.95, bands=7), texts),
    "text, equal alone": (TextNearDedup(similarity=1.0), texts),
    "text, alike": (TextNearDedup(), alike(texts)),
    "embedding": (EmbeddingDedup(similarity=0.9, sample=150, clusters=5), pictures),
    "embedding, as many clusters as it takes": (EmbeddingDedup(similarity=0.9), pictures),
    "embedding, alike": (EmbeddingDedup(), alike(lambda count: pictures(2).take(np.array([1])))),
}


@pytest.fixture(params=CASES)
def judging(request: pytest.FixtureRequest) -> CorpusFilter:
    return CASES[request.param][0]


@pytest.fixture(params=SIZES)
def columns(request: pytest.FixtureRequest, judging: CorpusFilter) -> Columns:
    [name] = (name for name, (one, _) in CASES.items() if one is judging)
    return CASES[name][1](request.param)


def learned_of(judging: CorpusFilter, columns: Columns) -> Learned:
    return judging.learn([judging.survey(columns)])


def decided(judging: CorpusFilter, columns: Columns, learned: Learned) -> Decision:
    lost, keys = judging.decide(columns, learned), columns.array("key")
    assert len(np.unique(lost.rows)) == len(lost.rows)
    return {
        keys[row]: (judging.reasons[reason], measured, b"" if witness == NOBODY else keys[witness])
        for row, witness, measured, reason in zip(
            lost.rows, lost.witnesses, lost.measured.tolist(), lost.reason, strict=True
        )
    }


def test_buckets_joined_by_the_best_witness_are_all_rows_together(judging: CorpusFilter, columns: Columns) -> None:
    learned = learned_of(judging, columns)
    together = decided(judging, columns, learned)
    assert columns.count < 600 or 0 < len(together) < columns.count
    rank = {key: (-int(merit), key) for key, merit in zip(columns.array("key"), judging.merit(columns), strict=True)}
    for count in (1, 2, 7, 1000):
        spread = judging.spread(columns, learned, count)
        places = np.stack([spread.rows, spread.buckets])
        assert np.unique(places, axis=1).shape == places.shape
        assert not places.size or (places.min() >= 0 and spread.buckets.max() < count)
        assert not places.size or np.bincount(spread.rows).max() <= judging.copies
        joined: Decision = {}
        for bucket in np.unique(spread.buckets):
            apart = decided(judging, columns.take(spread.rows[spread.buckets == bucket]), learned)
            for key, found in apart.items():
                if key not in joined or rank[found[2]] < rank[joined[key][2]]:
                    joined[key] = found
        assert joined == together


def test_the_order_of_the_rows_changes_nothing(judging: CorpusFilter, columns: Columns) -> None:
    shuffled = columns.take(np.random.default_rng(4).permutation(columns.count))
    once, again = (decided(judging, some, learned_of(judging, some)) for some in (columns, shuffled))
    assert once == again


def test_surveys_of_any_parts_in_any_order_teach_the_same(judging: CorpusFilter, columns: Columns) -> None:
    random = np.random.default_rng(5)
    whole = learned_of(judging, columns)
    for cuts in ([], [0, 1], sorted(random.integers(0, columns.count + 1, 9))):
        parts = np.split(random.permutation(columns.count), cuts)
        again = judging.learn([judging.survey(columns.take(part)) for part in parts])
        assert whole.keys() == again.keys()
        for name, array in whole.items():
            np.testing.assert_array_equal(again[name], array)
            assert again[name].dtype == array.dtype


def test_no_survey_teaches_that_there_is_nothing(judging: CorpusFilter) -> None:
    [make] = (make for one, make in CASES.values() if one is judging)
    assert decided(judging, make(0), judging.learn([])) == {}


def test_the_number_of_threads_changes_nothing(
    judging: CorpusFilter, columns: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for threads in (1, 3, 40):
        monkeypatch.setattr(compiled.numba.config, "NUMBA_NUM_THREADS", threads)
        found.append(decided(judging, columns, learned_of(judging, columns)))
    assert found[0] == found[1] == found[2]


def test_columns_that_cannot_be_written_to_are_judged_too(judging: CorpusFilter, columns: Columns) -> None:
    expected = decided(judging, columns, learned_of(judging, columns))
    for _, found in columns.items():
        for array in (found.offsets, found.values) if isinstance(found, Lists) else (found,):
            array.setflags(write=False)
    assert decided(judging, columns, learned_of(judging, columns)) == expected
