"""The plan: an exact mix, every sample once an epoch, full sequences, and the same answer from wherever it is asked."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.errors import BadInput
from trainer.plan.cost import Cost
from trainer.plan.deal import EMPTY, dealt, wait
from trainer.plan.plan import Order, Plan, Row
from trainer.plan.pool import Pool
from trainer.plan.window import drawn, packed, sequences_in, tokens_of

spec = importlib.util.spec_from_file_location("trainer_pools", Path(__file__).parent / "trainer_pools.py")
assert spec and spec.loader
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)

LENGTHS = (8192, 32_768)
CORPORA = {sequence_tokens: made.corpus(sequence_tokens) for sequence_tokens in LENGTHS}
MOST = 64
GOLDEN = [[(1, 14), (0, 17)], [(1, 1)], [(1, 5), (0, 5), (0, 2)]]

small = st.lists(
    st.tuples(st.integers(1, 9), st.lists(st.integers(1, MOST), min_size=1, max_size=30)), min_size=1, max_size=3
).map(lambda rows: [made.pool(f"p{at}", weight, np.array(tokens)) for at, (weight, tokens) in enumerate(rows)])
orders = st.builds(Order, st.integers(0, 99), st.just(MOST), st.integers(1, 7), st.integers(1, 40))


def named(rows: list[Row]) -> list[list[tuple[int, int]]]:
    return [list(zip(row.pool_N.tolist(), row.place_N.tolist(), strict=True)) for row in rows]


@given(small, st.integers(0, 99), st.integers(1, 40), st.integers(1, 30))
def test_the_mix_is_exact_after_any_number_of_windows(pools: list[Pool], seed: int, samples: int, windows: int) -> None:
    taken = Counter[int]()
    for window in range(windows):
        taken.update(drawn(pools, seed, window, samples).pool_N.tolist())
    weights = sum(pool.weight for pool in pools)
    for number, pool in enumerate(pools):
        assert taken[number] == windows * samples * pool.weight // weights


@settings(max_examples=40)
@given(small, st.integers(0, 99), st.integers(1, 40))
def test_an_epoch_takes_every_sample_once(pools: list[Pool], seed: int, samples: int) -> None:
    found: list[list[int]] = [[] for _ in pools]
    for window in range(30):
        taken = drawn(pools, seed, window, samples)
        for number, place in zip(taken.pool_N.tolist(), taken.place_N.tolist(), strict=True):
            found[number].append(place)
    for pool, places in zip(pools, found, strict=True):
        epochs = [places[at : at + len(pool)] for at in range(0, len(places), len(pool))]
        assert all(sorted(epoch) == list(range(len(pool))) for epoch in epochs if len(epoch) == len(pool))
        assert len(set(epochs[-1])) == len(epochs[-1])


def test_two_epochs_and_two_pools_of_one_size_have_orders_of_their_own() -> None:
    pools = [made.pool(name, 1, np.full(50, 5)) for name in "ab"]
    taken = drawn(pools, 0, 0, 200)
    orders = {tuple(taken.place_N[taken.pool_N == number][at : at + 50]) for number in (0, 1) for at in (0, 50)}
    assert len(orders) == 4


@given(small, orders, st.integers(0, 50))
def test_a_windows_sequences_hold_what_it_drew(pools: list[Pool], order: Order, number: int) -> None:
    window = packed(pools, order.seed, number, MOST, order.window_samples)
    taken = drawn(pools, order.seed, number, order.window_samples)
    assert Counter(zip(*map(np.ndarray.tolist, (window.pool_N, window.place_N)), strict=True)) == Counter(
        zip(*map(np.ndarray.tolist, taken), strict=True)
    )
    sums = np.add.reduceat(tokens_of(pools, window), window.first_S1[:-1]) if len(window) else np.empty(0)
    assert (np.diff(window.first_S1) > 0).all() and (sums <= MOST).all()
    assert len(window) == sequences_in(pools, order.seed, number, MOST, order.window_samples)


@given(small, orders, st.integers(0, 12))
def test_a_step_is_the_same_walked_to_and_asked_for(pools: list[Pool], order: Order, step: int) -> None:
    walking = Plan(pools, order)
    position = walking.at(0)
    for _ in range(step):
        position = walking.after(position)
    asked = Plan(pools, order)
    assert asked.at(step) == position
    assert named(asked.rows(position)) == named(walking.rows(position))


@given(small, orders)
def test_steps_follow_one_another_without_a_gap(pools: list[Pool], order: Order) -> None:
    plan, stepped = Plan(pools, order), list[list[tuple[int, int]]]()
    position = plan.at(0)
    for _ in range(8):
        stepped += named(plan.rows(position))
        position = plan.after(position)
    whole = Plan(pools, Order(order.seed, MOST, 8 * order.batch, order.window_samples))
    assert stepped == named(whole.rows(whole.at(0)))


def test_the_plan_is_the_same_everywhere() -> None:
    pools = [made.pool("a", 2, np.arange(1, 40)), made.pool("b", 1, np.arange(60, 20, -1))]
    plan = Plan(pools, Order(0, MOST, 3, 16))
    assert named(plan.rows(plan.at(4))) == GOLDEN


def test_the_digest_tells_every_change() -> None:
    pools, order = [made.pool("a", 2, np.arange(1, 9)), made.pool("b", 1, np.arange(1, 5))], Order(0, MOST, 3)
    changed = [
        Plan(pools, Order(1, MOST, 3)),
        Plan(pools, Order(0, MOST + 1, 3)),
        Plan(pools, Order(0, MOST, 4)),
        Plan(pools, Order(0, MOST, 3, 99)),
        Plan([replace(pools[0], weight=1), pools[1]], order),
        Plan([replace(pools[0], digest="other"), pools[1]], order),
        Plan(pools[::-1], order),
    ]
    digests = {plan.digest for plan in [*changed, Plan(pools, order)]}
    assert len(digests) == len(changed) + 1
    assert Plan(pools, order).digest in digests


@pytest.mark.parametrize(
    ("pools", "says"),
    [
        ([], "nothing to train on; give at least one --data"),
        ([made.pool("a", 0, np.arange(1, 4))], "a: a weight of 0; give whole numbers from 1 on"),
        ([made.pool("a", 1, np.arange(0))], "a: none of its samples can be trained on; leave it out"),
    ],
)
def test_what_can_fill_no_sequence_is_refused(pools: list[Pool], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        Plan(pools, Order(0, MOST, 1))
    assert says in str(caught.value)


def test_a_prefix_table_is_kept_for_its_own_plan_alone(tmp_path: Path) -> None:
    pools, fs, path = [made.pool("a", 1, np.arange(1, MOST))], fsspec.filesystem("file"), str(tmp_path / "prefix")
    plan = Plan(pools, Order(0, MOST, 4, 16))
    position = plan.at(30)
    plan.prefix.save(fs, path)
    again = Plan(pools, Order(0, MOST, 4, 16))
    again.prefix.load(fs, path)
    assert again.prefix.table().tolist() == plan.prefix.table().tolist()
    assert again.at(30) == position and again.at(60) == plan.at(60)
    with pytest.raises(BadInput, match=r"the table of another plan; remove it"):
        Plan(pools, Order(1, MOST, 4, 16)).prefix.load(fs, path)


@pytest.mark.parametrize("sequence_tokens", LENGTHS)
def test_sequences_are_full(sequence_tokens: int) -> None:
    pools = CORPORA[sequence_tokens]
    windows = [packed(pools, 1, number, sequence_tokens, 8192) for number in range(12)]
    tokens = sum(int(tokens_of(pools, window).sum()) for window in windows)
    assert tokens / (sequence_tokens * sum(map(len, windows))) >= 0.9985


@pytest.mark.parametrize("sequence_tokens", LENGTHS)
def test_the_table_of_184_million_sequences_takes_4_mb_at_the_most(sequence_tokens: int) -> None:
    plan = Plan(CORPORA[sequence_tokens], Order(0, sequence_tokens, 1536))
    plan.at(5)
    table = plan.prefix.table()
    sequences_a_window = int(table[-1]) / (len(table) - 1)
    assert 184.3e6 / sequences_a_window * table.itemsize <= 4e6


@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=40), st.integers(1, 9))
def test_every_row_is_dealt_once_and_every_rank_takes_as_many(costs: list[float], ranks: int) -> None:
    rows = dealt(np.array(costs), ranks)
    assert rows.shape == (-(-len(costs) // ranks), ranks)
    assert sorted(rows[rows != EMPTY].tolist()) == list(range(len(costs)))
    assert rows.reshape(-1)[: len(costs)].tolist() == dealt(np.array(costs), 1).reshape(-1).tolist()


@settings(max_examples=5)
@given(st.integers(0, 9))
@pytest.mark.parametrize(("batch", "steps", "most"), [(1536, 2, 1.02), (32, 30, 1.10)])
@pytest.mark.parametrize("sequence_tokens", LENGTHS)
def test_eight_ranks_hardly_wait(sequence_tokens: int, batch: int, steps: int, most: float, seed: int) -> None:
    pools = CORPORA[sequence_tokens]
    plan, waits = Plan(pools, Order(seed, sequence_tokens, batch)), list[float]()
    position = plan.at(0)
    for _ in range(steps):
        costs = Cost().of(pools, plan.rows(position))
        waits.append(wait(costs, dealt(costs, 8)))
        position = plan.after(position)
    assert 1 <= np.mean(waits) <= most


def test_a_row_costs_what_its_documents_cost() -> None:
    pools = [made.pool("a", 1, np.array([3, 5]), np.array([8, 4])), made.pool("b", 1, np.array([7]))]
    rows = [Row(0, 0, np.array([0, 1]), np.array([1, 0])), Row(0, 1, np.array([0]), np.array([0]))]
    assert Cost(1, 100, 0, 0).of(pools, rows).tolist() == [12 + 100 * (25 + 49), 3 + 900]
    assert Cost(0, 0, 1, 10).of(pools, rows).tolist() == [4 + 160, 8 + 640]


def test_a_wait_is_the_dearest_row_over_the_mean_of_each_micro_step() -> None:
    assert wait(np.array([4.0, 2, 3, 3]), np.array([[0, 1], [2, 3]])) == 7 / 6
    assert wait(np.array([4.0]), np.array([[0, EMPTY]])) == 2
