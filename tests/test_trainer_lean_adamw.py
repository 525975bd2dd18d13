"""The lean optimiser learns as AdamW does, in bfloat16, and its noise is a function of seed, step and name."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch.nn import Parameter

from trainer.loop.lean_adamw import LeanAdamW, put_rounded

STEP = 2**-7
"""The distance between bfloat16 numbers from 1 to 2."""


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rounding_keeps_the_mean_and_moves_by_one_digit_at_most() -> None:
    share = 0.3
    target = torch.empty(200_000, dtype=torch.bfloat16)
    put_rounded(target, torch.full((200_000,), 1 + share * STEP), drawn())
    up = target == 1 + STEP
    assert bool(((target == 1) | up).all())
    assert up.float().mean().item() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, float("inf"), float("-inf"), 3.3e38])
def test_a_number_that_bfloat16_holds_stays_itself(value: float) -> None:
    exact = torch.full((1000,), value).bfloat16()
    target = torch.empty_like(exact)
    put_rounded(target, exact.float(), drawn())
    assert torch.equal(target, exact)


def test_not_a_number_stays_one() -> None:
    target = torch.zeros(1000, dtype=torch.bfloat16)
    put_rounded(target, torch.full((1000,), float("nan")), drawn())
    assert bool(target.isnan().all())


def walked(make: object, dtype: torch.dtype, steps: int = 60) -> torch.Tensor:
    torch.manual_seed(0)
    goal, weight = torch.randn(4096), Parameter(torch.ones(4096, dtype=dtype))
    optimizer = make(weight)  # type: ignore[operator]
    for _ in range(steps):
        optimizer.zero_grad()
        (weight.float() - goal).square().sum().backward()
        optimizer.step()
    return weight.detach().float()


def test_it_walks_as_adamw_in_float32_does() -> None:
    said = {"lr": 2e-3, "betas": (0.9, 0.95), "weight_decay": 0.1}
    whole = walked(lambda weight: torch.optim.AdamW([weight], **said), torch.float32)
    lean = walked(lambda weight: LeanAdamW([("w", weight)], **said), torch.bfloat16)
    assert (lean - whole).mean().abs() < 1e-3
    assert (lean - whole).square().mean().sqrt() < 4 * STEP


def test_steps_below_the_last_digit_add_up_where_plain_bfloat16_stands_still() -> None:
    lean = walked(lambda weight: LeanAdamW([("w", weight)], lr=1e-4), torch.bfloat16)
    plain = walked(lambda weight: torch.optim.AdamW([weight], lr=1e-4, weight_decay=0), torch.bfloat16)
    whole = walked(lambda weight: torch.optim.AdamW([weight], lr=1e-4, weight_decay=0), torch.float32)
    went = (whole - 1).abs().mean().item()
    assert (plain - 1).abs().mean() < went / 10
    assert (lean - 1).mean().item() == pytest.approx((whole - 1).mean().item(), abs=went / 10)


def test_the_noise_is_keyed_by_seed_and_name_and_not_by_what_was_drawn_before() -> None:
    first = walked(lambda weight: LeanAdamW([("w", weight)], lr=1e-3), torch.bfloat16)
    torch.rand(17)
    assert torch.equal(first, walked(lambda weight: LeanAdamW([("w", weight)], lr=1e-3), torch.bfloat16))
    assert not torch.equal(first, walked(lambda weight: LeanAdamW([("v", weight)], lr=1e-3), torch.bfloat16))
    assert not torch.equal(first, walked(lambda weight: LeanAdamW([("w", weight)], lr=1e-3, seed=1), torch.bfloat16))


def test_a_parameter_in_pieces_is_the_parameter_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(weight: Parameter) -> LeanAdamW:
        return LeanAdamW([("w", weight)], lr=1e-3)

    whole = walked(make, torch.float32)
    monkeypatch.setattr("trainer.loop.lean_adamw.PIECE", 1000)
    assert (walked(make, torch.float32) - whole).abs().max() < 1e-3


def test_it_goes_on_from_its_state() -> None:
    torch.manual_seed(0)
    grads = torch.randn(4, 64)

    def go(weight: Parameter, optimizer: LeanAdamW, steps: range) -> None:
        for step in steps:
            weight.grad = grads[step].to(weight.dtype)
            optimizer.step()

    one = Parameter(torch.ones(64, dtype=torch.bfloat16))
    optimizer = LeanAdamW([("w", one)], lr=1e-2)
    go(one, optimizer, range(2))
    other = Parameter(one.detach().clone())
    resumed = LeanAdamW([("w", other)], lr=1e-2)
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    go(one, optimizer, range(2, 4))
    go(other, resumed, range(2, 4))
    assert torch.equal(one, other)
