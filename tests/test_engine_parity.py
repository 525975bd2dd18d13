"""Engine and trainer hold one model's chances, as near as 32 bits do: held against 64, at many shapes, after steps.

A bound in figures would be one machine's and one model's: how far 32 bits are off hangs on the weights, on pictures and
on how many tokens are looked at. The trainer's own distance from 64 bits is what the engine's from it is measured by.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch.overrides import TorchFunctionMode

from schemas.task import Task
from trainer.engine.engine import Sampling
from trainer.engine.generate import LocalEngine
from trainer.model.attention import use_document_attention
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.pack import IGNORED, PackedBatch, pack
from trainer.rl.micro_steps import micro_steps
from trainer.rl.packed import document_of, seen_once, sizes_of
from trainer.rl.rollout import RlTask, Rollout

spec = importlib.util.spec_from_file_location("engine_prompts", Path(__file__).parent / "engine_prompts.py")
assert spec and spec.loader
made_here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_here)
IDS, made, prompt = made_here.IDS, made_here.made, made_here.prompt

ASKED = {
    "words": [prompt(seed, 9 + seed, key=f"words {seed}") for seed in range(3)],
    "pictures": [prompt(10 + seed, 3, (4, 6), 2 + seed, (8, 4), 4, key=f"pictures {seed}") for seed in range(3)],
    "slices": [prompt(20, 2, [(4, 4), (4, 4), (4, 4)], 4, key="slices")],
    "many pictures": [prompt(30, *[(6, 6), 3] * 12, key="many")],
}
TOKENS, STEPS, RATE = 40, 6, 1e-3
SPREAD, MOST = 1.5, 3.0
"""Of what the trainer is off 64 bits, in the mean square and at the worst token: both are as far off, each its way."""

Spoil = Callable[[PackedBatch], PackedBatch]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Wide(TorchFunctionMode):
    """Computes in 64 bits where transformers asks for 32 by name."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        said = dict(kwargs or {})
        if function is torch.Tensor.float:
            return args[0].double()
        if function is torch.Tensor.to:
            args = tuple(torch.float64 if one is torch.float32 else one for one in args)
            said |= {"dtype": torch.float64} if said.get("dtype") is torch.float32 else {}
        return function(*args, **said)


class Moved(NamedTuple):
    """A model that some steps have moved: as it answers, as it learns, and the latter's twin in 64 bits."""

    engine: LocalEngine
    trainee: Trainee
    wide: Trainee


def rollouts(engine: LocalEngine, asked: list[Any], n: int, seed: int = 7) -> list[Rollout]:
    found = engine.generate(asked, n, Sampling(max_tokens=TOKENS, seed=seed))
    return [
        Rollout(RlTask(one.key, Task("counting", "", "")), row, one, answer, "")
        for one, answers in zip(asked, found, strict=True)
        for row, answer in enumerate(answers)
    ]


def plain(row: PackedBatch) -> PackedBatch:
    return row


def by_training(trainee: Trainee, of: list[Rollout], row_tokens: int, spoil: Spoil = plain) -> torch.Tensor:
    """Return the log-probability of each token, packed as a learner packs, in the order of the rollouts."""
    documents = [document_of(one) for one in of]
    found: dict[int, torch.Tensor] = {}
    for places in micro_steps(sizes_of(documents), row_tokens)[0]:
        mine = [documents[place] for place in places]
        row = pack(mine, sum(len(one.tokens_T) for one in mine), image_id=IDS.image, padding_id=IDS.end)
        row = spoil(seen_once(row, mine, [of[place].task.key for place in places]))
        with torch.no_grad():
            each_K = -trainee(row).losses.each_K
        found |= zip(places, each_K.split([of[place].drawn for place in places]), strict=True)
    return torch.cat([found[place] for place in range(len(of))]).double()


def in_64_bits(row: PackedBatch) -> PackedBatch:
    return row._replace(patches_PD=row.patches_PD.double())


@pytest.fixture(scope="module")
def moved() -> Moved:
    torch.set_num_threads(1)
    engine = made("tiny")
    engine.stops = frozenset()
    use_document_attention(engine.model)
    use_flat_kernel(engine.model)
    trainee = Trainee(engine.model)
    optimizer = torch.optim.AdamW(trainee.parameters(), lr=RATE)
    for step in range(STEPS):
        answers = rollouts(engine, ASKED["pictures"] + ASKED["words"], 4, seed=step)
        documents = [document_of(one) for one in answers]
        row = pack(documents, 4096, image_id=IDS.image, padding_id=IDS.end)
        paid_K = torch.tensor([1.0 if one.row % 2 else -1.0 for one in answers for _ in one.answer.tokens])
        (trainee(row).losses.each_K * paid_K).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return Moved(engine, trainee, Trainee(copy.deepcopy(engine.model).double()))


def distances(moved: Moved, name: str, n: int, row_tokens: int, spoil: Spoil = plain) -> tuple[torch.Tensor, ...]:
    """Return, token by token, how far the engine is from the trainer, and the trainer from 64 bits."""
    answers = rollouts(moved.engine, ASKED[name], n)
    told = torch.tensor([one for rollout in answers for one in rollout.answer.logprobs], dtype=torch.float64)
    learnt = by_training(moved.trainee, answers, row_tokens)
    with Wide():
        exact = by_training(moved.wide, answers, row_tokens, in_64_bits)
    off = by_training(moved.trainee, answers, row_tokens, spoil)
    return told - off, learnt - exact


def is_near(apart_K: torch.Tensor, off_K: torch.Tensor) -> bool:
    spread = apart_K.square().mean().sqrt() <= SPREAD * off_K.square().mean().sqrt()
    return bool(spread) and bool(apart_K.abs().max() <= MOST * off_K.abs().max())


@pytest.mark.parametrize(("n", "row_tokens"), [(1, 4096), (8, 256)])
@pytest.mark.parametrize("name", ASKED)
def test_the_engine_is_as_near_to_the_trainer_as_32_bits_are_to_64(
    moved: Moved, name: str, n: int, row_tokens: int
) -> None:
    apart_K, off_K = distances(moved, name, n, row_tokens)
    assert len(apart_K) == len(ASKED[name]) * n * TOKENS
    assert is_near(apart_K, off_K), f"apart {apart_K.abs().max():.1e}, 32 bits off {off_K.abs().max():.1e}"
    assert off_K.abs().max() < 1e-4, "and 64 bits are of the same model"


def a_place_on(row: PackedBatch) -> PackedBatch:
    """Put what is answered one place on."""
    positions_4BL = row.positions_4BL.clone()
    positions_4BL[1:] += (row.targets_BL != IGNORED).roll(1, 1)
    return row._replace(positions_4BL=positions_4BL)


def pictures_exchanged(row: PackedBatch) -> PackedBatch:
    return row._replace(shown=(row.shown[1], row.shown[0], *row.shown[2:]))


@pytest.mark.parametrize("spoil", [a_place_on, pictures_exchanged])
def test_another_row_than_the_engine_saw_is_told(moved: Moved, spoil: Spoil) -> None:
    assert not is_near(*distances(moved, "pictures", 2, 4096, spoil))


@pytest.mark.parametrize("name", ["lm_head.weight", "model.language_model.layers.0.self_attn.q_proj.weight"])
def test_weights_that_are_a_ten_thousandth_other_are_told(moved: Moved, name: str) -> None:
    """Of the words' weights that is a temperature of 0.9999."""
    weight = dict(moved.trainee.model.named_parameters())[name]
    before = weight.detach().clone()

    def grown(row: PackedBatch) -> PackedBatch:
        with torch.no_grad():
            weight.mul_(1 + 1e-4)
        return row

    try:
        assert not is_near(*distances(moved, "pictures", 2, 4096, grown))
    finally:
        with torch.no_grad():
            weight.copy_(before)
