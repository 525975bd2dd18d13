"""The curriculum: expansion by the ratio's average, the most balanced groups, weights of tiers, and its state."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import combinations
from math import ceil, inf
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.experiments.small_learner import EVEN, OURS, learnt
from schemas.errors import BadInput, Unavailable
from trainer.curriculum.balanced import imbalance, most_balanced
from trainer.curriculum.curriculum import CurriculumSampling
from trainer.curriculum.draw import drawn, words_of
from trainer.curriculum.expansion import asked, expansion_ratio, next_average
from trainer.curriculum.pool import Known, first_rate
from trainer.curriculum.settings import Settings, read_settings

ROWS = 8


class Key(NamedTuple):
    key: str


class Scored(NamedTuple):
    """A group with nothing but what a curriculum reads."""

    task: Key
    rewards: tuple[float, ...]


def group(key: str, right: int, rows: int = ROWS) -> Scored:
    return Scored(Key(key), (1.0,) * right + (0.0,) * (rows - right))


def chance(*said: object) -> float:
    return int.from_bytes(sha256(repr(said).encode()).digest()[:8], "big") / 2**64


def pool(domain: str, count: int, rate: float = -1.0, skill: str = "") -> list[Known]:
    return [Known(f"{domain}{skill}{rate}-{at}", domain, skill, "", rate) for at in range(count)]


def answered(keys: list[str], rates: dict[str, float], step: object) -> list[Scored]:
    return [group(key, sum(chance(key, step, row) < rates[key] for row in range(ROWS))) for key in keys]


def test_the_paper_s_rates_ask_for_so_many_times_the_batch() -> None:
    assert [expansion_ratio(rate) for rate in (0.5, 0.2)] == [2, 1.25]
    assert expansion_ratio(0.8) == pytest.approx(5, abs=1e-12)
    assert expansion_ratio(1) == inf


def test_a_step_asks_the_ceiling_of_the_averaged_ratio() -> None:
    average = 1.0
    for rate, expected in ((0.5, 1.1), (0.2, 1.115), (0.8, 1.5035)):
        average = next_average(average, rate, decay=0.9, most=8)
        assert average == pytest.approx(expected, abs=1e-12)
        assert asked(48, average) == ceil(48 * expected)
    assert asked(48, 1.25) == asked(48, 1.25 + 1e-14) == 60


def test_a_step_that_taught_nothing_asks_for_no_more_than_the_bound_and_says_so() -> None:
    tasks = pool("counting", 400, 0.5)
    sampling = CurriculumSampling(tasks, Settings(prompts=10, decay=0.0, most_expansion=4))
    sampling.select([group(key, 0) for key in sampling.choose(0)])
    assert sampling.told is not None
    assert (sampling.told.capped, sampling.told.ratio, sampling.told.note) == (True, 4, "no group teaches")
    assert len(sampling.choose(1)) == 40


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, ROWS), min_size=1, max_size=9), st.data())
def test_those_kept_have_the_least_difference_of_right_and_wrong_answers(
    rights: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(rights)))
    groups = [group(str(at), right) for at, right in enumerate(rights)]
    kept = most_balanced(groups, count)
    least = min(sum(abs(2 * rights[at] - ROWS) for at in chosen) for chosen in combinations(range(len(rights)), count))
    assert sum(imbalance(one.rewards) for one in kept) == least
    assert [int(one.task.key) for one in kept] == sorted({int(one.task.key) for one in kept})
    assert len(kept) == count


def test_of_partly_right_groups_one_whose_answers_are_all_alike_is_kept_last() -> None:
    alike, differing = Scored(Key("alike"), (0.5,) * 4), Scored(Key("differing"), (0.0, 0.0, 0.0, 0.25))
    assert most_balanced([alike, differing], 1) == [differing]


def test_a_task_s_first_rate_is_merged_from_what_was_measured_and_what_people_said() -> None:
    values = Settings()
    assert first_rate(Known("a", "math"), values) == values.unknown_rate
    assert first_rate(Known("a", "math", pass_rate=0.7), values) == 0.7
    assert first_rate(Known("a", "math", difficulty="hard"), values) == values.rates[3]
    assert first_rate(Known("a", "math", difficulty="very_hard", pass_rate=0.95), values) == values.rates[1]
    assert first_rate(Known("a", "math", difficulty="easy", pass_rate=0.55), values) == 0.55


def test_trivial_and_hopeless_tasks_are_drawn_less_than_their_share_but_not_never() -> None:
    tasks = [*pool("counting", 50, 0.99, "a"), *pool("counting", 30, 0.5, "b"), *pool("counting", 20, 0.0, "c")]
    rates = {task.key: task.pass_rate for task in tasks}
    sampling = CurriculumSampling(tasks, Settings(prompts=12, expand=False))
    seen: list[str] = []
    for step in range(40):
        keys = sampling.choose(step)
        sampling.select(answered(keys, rates, step))
        seen += keys
    middling = sum(rates[key] == 0.5 for key in seen) / len(seen)
    assert middling > 0.6
    assert {rates[key] for key in seen} == {0.99, 0.5, 0.0}


def test_a_hard_tier_whose_like_have_begun_to_be_solved_is_drawn_more() -> None:
    tasks = [*pool("math", 40, 0.0, "sums"), *pool("math", 40, 0.0, "proofs")]
    sampling = CurriculumSampling(tasks, Settings(prompts=16, expand=False))
    for step in range(6):
        keys = sampling.choose(step)
        sampling.select([group(key, 4 if "sums" in key else 0) for key in keys])
    weight = dict(zip(sampling.pool.keys, sampling.weights(), strict=True))
    unseen = [key for key in weight if key not in sampling.state()["rates"]]
    sums = [weight[key] for key in unseen if "sums" in key]
    proofs = [weight[key] for key in unseen if "proofs" in key]
    assert min(sums) > 3 * max(proofs)


def test_a_state_that_went_through_json_chooses_and_selects_as_the_run_would_have() -> None:
    tasks = [*pool("counting", 30, 0.9), *pool("chart", 30, 0.4), *pool("ocr", 30)]
    rates = {task.key: chance(task.key) for task in tasks}
    straight = CurriculumSampling(tasks, Settings(prompts=10, seed=3))
    for step in range(5):
        straight.select(answered(straight.choose(step), rates, step))
    straight.freeze("ocr", "a canary was paid")
    resumed = CurriculumSampling(tasks, Settings(prompts=10, seed=3))
    resumed.load(json.loads(json.dumps(straight.state())))
    for step in range(5, 10):
        keys = straight.choose(step)
        assert resumed.choose(step) == keys
        groups = answered(keys, rates, step)
        assert resumed.select(groups) == straight.select(groups)
        assert resumed.told == straight.told
        assert not [key for key in keys if key.startswith("ocr")]


def test_a_pool_that_is_exhausted_is_asked_whole_once_and_says_how_many_were_short() -> None:
    sampling = CurriculumSampling(pool("ocr", 7), Settings(prompts=10))
    keys = sampling.choose(0)
    assert sorted(keys) == sorted(sampling.pool.keys)
    assert len(sampling.select([group(key, 4) for key in keys])) == 7
    assert sampling.told is not None
    assert (sampling.told.short, sampling.told.invalid_rate) == (3, 0)


def test_a_pool_of_one_task_is_asked_that_one() -> None:
    sampling = CurriculumSampling(pool("ocr", 1), Settings(prompts=4))
    for step in range(3):
        assert sampling.choose(step) == ["ocr-1.0-0"]
        sampling.select([group("ocr-1.0-0", 8)])


@pytest.mark.parametrize("right", [0, ROWS])
def test_where_all_tasks_are_trivial_or_all_hopeless_every_one_is_still_asked(right: int) -> None:
    sampling = CurriculumSampling(pool("math", 24), Settings(prompts=6))
    seen: set[str] = set()
    for step in range(20):
        keys = sampling.choose(step)
        assert 6 <= len(keys) <= 24
        seen.update(keys)
        assert len(sampling.select([group(key, right) for key in keys])) == 6
    assert seen == set(sampling.pool.keys)


def test_proportions_hold_whatever_the_pool_is_made_of() -> None:
    tasks = [*pool("chart", 600, 0.5), *pool("ocr", 200, 0.95)]
    sampling = CurriculumSampling(tasks, Settings(prompts=20, proportions={"chart": 1, "ocr": 3}))
    keys = [key for step in range(50) for key in sampling.choose(step)]
    assert sum(key.startswith("ocr") for key in keys) / len(keys) == pytest.approx(0.75, abs=0.05)


def test_a_pilot_asks_its_domain_alone() -> None:
    sampling = CurriculumSampling([*pool("math", 9), *pool("ocr", 9)], Settings(prompts=4, only=("ocr",)))
    assert all(key.startswith("ocr") for step in range(5) for key in sampling.choose(step))


def test_canaries_are_asked_at_their_share_and_never_learnt_from() -> None:
    tasks = [*pool("math", 50, 0.5), *pool("math", 5, skill="canary")]
    sampling = CurriculumSampling(tasks, Settings(prompts=10, canary_share=0.15, expand=False))
    found = [[key for key in sampling.choose(step) if "canary" in key] for step in range(20)]
    assert sum(map(len, found)) == 30
    kept = sampling.select([group(key, 4) for key in sampling.choose(1)])
    assert not [one for one in kept if "canary" in one.task.key]
    assert len(kept) == 10


def test_freezing_the_last_domain_stops_the_run_with_every_reason() -> None:
    sampling = CurriculumSampling([*pool("math", 3), *pool("ocr", 3)], Settings(prompts=2))
    sampling.freeze("math", "a canary was paid")
    with pytest.raises(Unavailable, match=r"math: a canary was paid; ocr: entropy"):
        sampling.freeze("ocr", "entropy")


def test_a_draw_is_in_proportion_to_weights_and_nothing_is_drawn_twice() -> None:
    words = words_of([str(at) for at in range(4)])
    firsts = [drawn(words, np.array([1.0, 2.0, 3.0, 0.0]), 9, 7, step) for step in range(3000)]
    assert {len(set(one)) for one in firsts} == {3}
    shares = np.bincount([one[0] for one in firsts], minlength=4) / 3000
    assert shares == pytest.approx([1 / 6, 1 / 3, 1 / 2, 0], abs=0.03)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("most_expansion = 0.5", "1 or more"),
        ("prompts = 3", "--prompts"),
        ("floor = 0", "never seen"),
        ("decays = 0.5", "decays"),
        ("decay = ", "end of document"),
        ("[proportions]\nmath = -1", "above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_their_file(tmp_path, said: str, told: str) -> None:
    path = tmp_path / "curriculum.toml"
    path.write_text(said)
    with pytest.raises(BadInput, match=told) as refused:
        read_settings(str(path))
    assert str(path) in str(refused.value)


def test_tasks_that_make_no_pool_are_refused() -> None:
    with pytest.raises(BadInput, match="no tasks"):
        CurriculumSampling(pool("math", 2, skill="canary"), Settings())
    with pytest.raises(BadInput, match="twice"):
        CurriculumSampling([*pool("math", 1), *pool("math", 1)], Settings())
    with pytest.raises(BadInput, match="ocr"):
        CurriculumSampling(pool("math", 1), Settings(proportions={"ocr": 1}))
    with pytest.raises(BadInput, match=r"'ocr'.*domains are math"):
        CurriculumSampling(pool("math", 1), Settings(only=("ocr",)))
    grown = CurriculumSampling(pool("math", 1), Settings())
    with pytest.raises(BadInput, match="begun with"):
        grown.load({"rates": {"gone": 0.5}})


def test_a_learner_in_a_pool_that_is_half_trivial_asks_a_fifth_less_in_every_seed() -> None:
    for seed in range(5):
        assert learnt(OURS, seed).prompts <= 0.8 * learnt(EVEN, seed).prompts
