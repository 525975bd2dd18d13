"""GRPO in numbers: an example that was worked out by hand, groups that teach nothing, bounds, weights, micro-steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadInput
from trainer.plan.cost import Cost
from trainer.rl.advantage import advantages
from trainer.rl.grpo import Grpo
from trainer.rl.micro_steps import Rows, Sizes, micro_steps
from trainer.rl.objective import Clip, Signals, objective

A = 0.5 / (0.5 + 1e-6)
"""The advantage of the better of two answers, of which one was paid 1 and the other 0."""

RATIOS = (1.5, 1.0, 0.7, 1.5, 0.7)
"""Three tokens of the answer that was paid, two of the other."""

ADVANTAGES = (A, A, A, -A, -A)


def pushed(weights: tuple[float, ...], of: float) -> tuple[float, list[float], list[bool]]:
    """Return the loss, its gradient by each log-probability, and which tokens are clipped."""
    old = torch.full((5,), log(0.5))
    new = (old + torch.tensor(RATIOS).log()).requires_grad_()
    found = objective(new, Signals(old, torch.tensor(ADVANTAGES), torch.tensor(weights)), Clip(0.2, 0.28))
    loss = found.loss / of
    [gradient] = torch.autograd.grad(loss, new)
    return float(loss.detach()), gradient.tolist(), found.clipped_K.tolist()


def test_loss_and_gradient_are_those_worked_out_by_hand() -> None:
    """Each answer's mean, then the mean of both: -((1.28 + 1 + 0.7) / 3 - (1.5 + 0.8) / 2) / 2."""
    loss, gradient, clipped = pushed((1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2), 2)
    assert loss == pytest.approx(A * (1.15 - 2.98 / 3) / 2, abs=1e-6)
    assert gradient == pytest.approx([0, -A / 6, -0.7 * A / 6, 1.5 * A / 4, 0], abs=1e-6)
    assert clipped == [True, False, False, False, True]


def test_per_token_every_token_weighs_the_same() -> None:
    loss, gradient, _ = pushed((1.0,) * 5, 5)
    assert loss == pytest.approx(-A * (2.98 - 2.3) / 5, abs=1e-6)
    assert gradient == pytest.approx([0, -A / 5, -0.7 * A / 5, 1.5 * A / 5, 0], abs=1e-6)


def test_the_upper_bound_is_the_wider_one() -> None:
    """A ratio of 1.25 still grows under bounds of 0.2 and 0.28, and would not under 0.2 on both sides."""
    new = torch.tensor([log(1.25)], requires_grad=True)
    signals = Signals(torch.zeros(1), torch.ones(1), torch.ones(1))
    assert torch.autograd.grad(objective(new, signals, Clip()).loss, new)[0].item() == pytest.approx(-1.25)
    assert torch.autograd.grad(objective(new, signals, Clip(0.2, 0.2)).loss, new)[0].item() == 0


@given(reward=st.floats(-1e3, 1e3), count=st.integers(2, 32))
def test_equal_rewards_have_no_advantage_at_all(reward: float, count: int) -> None:
    assert advantages([reward] * count) == (0.0,) * count


@given(rewards=st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]), min_size=2, max_size=16))
def test_advantages_hang_on_the_reward_alone_and_sum_to_nothing(rewards: list[float]) -> None:
    found = advantages(rewards)
    of_reward = dict(zip(rewards, found, strict=True))
    assert [of_reward[reward] for reward in rewards] == list(found)
    assert sum(found) == pytest.approx(0, abs=1e-9)
    assert sorted(range(len(rewards)), key=rewards.__getitem__) == sorted(range(len(found)), key=found.__getitem__)


def sizes(tokens: list[int]) -> Sizes:
    found = np.array(tokens, np.int64)
    return Sizes(found, found // 2, found * 3)


def in_arrival_order(tokens_N: Sequence[int], row_tokens: int) -> Rows:
    """Return the rows that documents fill as they come: one that does not fit begins the next."""
    rows: Rows = []
    room = -1
    for document, tokens in enumerate(tokens_N):
        if tokens > room:
            rows.append(())
            room = row_tokens
        rows[-1] = (*rows[-1], document)
        room -= tokens
    return rows


@settings(max_examples=60, deadline=None)
@given(tokens=st.lists(st.integers(1, 100), max_size=60), ranks=st.integers(1, 5))
def test_micro_steps_hold_each_document_once_and_are_the_fewest(tokens: list[int], ranks: int) -> None:
    laid = micro_steps(sizes(tokens), 100, ranks)
    rows = [row for mine in laid for row in mine]
    assert sorted(place for row in rows for place in row) == list(range(len(tokens)))
    assert all(0 < sum(tokens[place] for place in row) <= 100 for row in rows)
    [alone] = micro_steps(sizes(tokens), 100)
    assert max(map(len, laid)) == -(-len(alone) // ranks)
    assert len(alone) <= len(in_arrival_order(tokens, 100))


def test_long_answers_take_fewer_micro_steps_than_as_they_come_and_ranks_are_alike() -> None:
    random = np.random.default_rng(0)
    tokens = np.clip(random.lognormal(np.log(9_000), 0.7, 512), 500, 32_768).astype(np.int64)
    as_they_come = len(in_arrival_order(tokens.tolist(), 32_768))
    [packed] = micro_steps(sizes(tokens.tolist()), 32_768)
    fewest = -(-int(tokens.sum()) // 32_768)
    assert len(packed) <= fewest + 1
    assert as_they_come / len(packed) > 1.2
    costs = sizes(tokens.tolist()).costs(Cost())
    laid = micro_steps(sizes(tokens.tolist()), 32_768, 8)
    for load, apart in ((costs, 1.05), (tokens, 1.1)):
        of_ranks = [sum(float(load[list(row)].sum()) for row in mine) for mine in laid]
        assert max(of_ranks) / min(of_ranks) < apart


def test_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadInput, match="groups of 1"):
        Grpo(prompts=4, group=1, answer_tokens=8)
    with pytest.raises(BadInput, match="3 updates a step"):
        Grpo(prompts=2, group=4, answer_tokens=8, updates=3)
    with pytest.raises(BadInput, match="bounds of 0 below"):
        Clip(0, 0.28)
