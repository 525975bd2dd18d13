"""What is learnt from packed answers is what each answer teaches by itself, through transformers' own attention.

Gradients are compared, not losses: with a boundary off by one a loss barely moves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from msgspec import structs

from schemas.errors import BadInput
from schemas.grade import RIGHT, WRONG, Grade
from schemas.task import Task
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.special import SpecialIds
from trainer.engine.engine import Answer, Prompt
from trainer.loop.parallel import Ranks
from trainer.model.attention import use_document_attention
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.normalised import normalised
from trainer.model.presets import preset
from trainer.rl.advantage import advantages
from trainer.rl.grpo import Grpo, rl
from trainer.rl.learner import Learner, Rows
from trainer.rl.objective import Weighting
from trainer.rl.packed import weighed
from trainer.rl.rollout import Group, Rewarded, RlTask, Rollout

WORDS = 120
IDS = SpecialIds(0, (0, 1), 130, 131, 132, 133, 134, 135)
CLOSE = 1e-5
ALONE = Ranks(0, 1, "cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def learner(weighting: Weighting = "sample", row_tokens: int = 96, **changed: object) -> Learner:
    model = build(structs.replace(preset("tiny-1l-1t"), initial_spread=0.1), IDS, 136, seed=5)
    use_document_attention(model)
    stage, _ = rl("tiny")
    grpo = structs.replace(Grpo(3, 3, 16, weighting=weighting), **changed)
    return Learner(structs.replace(stage, sequence_length=row_tokens), grpo, Trainee(model), IDS, ALONE)


def prompt(seed: int) -> Prompt:
    """Make a prompt of some words and one picture."""
    random = np.random.default_rng(seed)
    grid = (1, 4, 4 + 2 * int(random.integers(3)))
    patches = grid[1] * grid[2]
    tokens = [*random.integers(2, WORDS, 4).tolist(), 132, *[130] * (patches // 4), 133]
    tokens += random.integers(2, WORDS, int(random.integers(1, 6))).tolist()
    pixels = random.integers(0, 256, (patches, PATCH_VALUES), np.uint8)
    return Prompt(f"{seed}", np.array(tokens, np.int32), np.array([grid]), pixels)


def group(model: object, seed: int, rewards: tuple[float, ...], injected: tuple[int, ...] = ()) -> Group:
    """Make answers of different lengths, drawn by weights that are near to the model's."""
    random, asked = np.random.default_rng(100 + seed), prompt(seed)
    task = RlTask(asked.key, Task("counting", "how many?", "3"))
    rollouts = []
    for row, reward in enumerate(rewards):
        tokens = tuple(random.integers(2, WORDS, 3 + 2 * row + seed).tolist())
        logprobs = alone(model, asked, tokens).detach() + torch.from_numpy(random.normal(0, 0.2, len(tokens))).float()
        answer = Answer(tokens, tuple(logprobs.tolist()), "stop", 0, "now", injected=injected)
        paid = Rewarded(reward, {}, Grade(reward, RIGHT if reward == 1 else WRONG))
        rollouts.append(Rollout(task, row, asked, answer, "", paid))
    return Group(task, tuple(rollouts))


def alone(model: object, asked: Prompt, answer: tuple[int, ...]) -> torch.Tensor:
    """Return the log-probabilities of an answer by plain transformers: one document, its mask, its own positions."""
    from trainer.model.attention import attending_plainly

    tokens = torch.tensor([[*asked.tokens_T.tolist(), *answer]])
    with attending_plainly(model):
        logits = model(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            pixel_values=normalised(asked.patches_PD),
            image_grid_thw=torch.from_numpy(asked.grids_N3),
            mm_token_type_ids=(tokens == IDS.image).int(),
        ).logits[0]
    begin = len(asked.tokens_T)
    return logits[begin - 1 : -1].float().log_softmax(-1).gather(1, tokens[0, begin:, None])[:, 0]


def by_hand(model: object, groups: list[Group], weighting: Weighting) -> dict[str, torch.Tensor]:
    """Return the gradient of the whole batch, answer by answer, by the formula as it is written."""
    each, counts = [], []
    for one in groups:
        for rollout, advantage in zip(one.rollouts, advantages(one.rewards), strict=True):
            kept = [at for at in range(len(rollout.answer.tokens)) if at not in rollout.injected]
            ratio = (
                alone(model, one.rollouts[0].prompt, rollout.answer.tokens) - torch.tensor(rollout.answer.logprobs)
            ).exp()
            least = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.28) * advantage)[kept]
            each.append(-least.mean() if weighting == "sample" else -least.sum())
            counts.append(len(kept))
    loss = torch.stack(each).sum() / (len(each) if weighting == "sample" else sum(counts))
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def packed(
    of: Learner, groups: list[Group], spoil: Callable[[Rows], Rows] = lambda rows: rows
) -> dict[str, torch.Tensor]:
    """Return the gradient that the learner adds up over its micro-steps."""
    rows = spoil(of.rows(weighed(groups)))
    of.gradient(rows, None, of.divisor(groups))
    model = of.trainee.model
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    flat, against = (torch.cat([given[name].double().flatten() for name in sorted(one)]) for given in (one, other))
    return float((flat - against).norm() / against.norm())


def three(model: object) -> list[Group]:
    return [
        group(model, 0, (1.0, 0.0, 0.0)),
        group(model, 1, (0.0, 1.0, 1.0), injected=(1, 2)),
        group(model, 2, (0.3, 0.0, 1.0)),
    ]


@pytest.mark.parametrize("weighting", ["sample", "token"])
def test_packed_micro_steps_are_the_whole_batch_answer_by_answer(weighting: Weighting) -> None:
    of = learner(weighting, parity=10.0)
    groups = three(of.trainee.model)
    expected = by_hand(of.trainee.model, groups, weighting)
    assert len(of.rows(weighed(groups))) > 1
    assert apart(packed(of, groups), expected) < CLOSE
    wide = learner(weighting, 4096, parity=10.0)
    assert len(wide.rows(weighed(groups))) == 1
    assert apart(packed(wide, groups), expected) < CLOSE


def shifted(rows: Rows) -> Rows:
    """Move one boundary between documents by a token."""
    (row, signals), *rest = rows
    ends_D1 = row.ends_D1.clone()
    ends_D1[1] += 1
    return [(row._replace(ends_D1=ends_D1), signals), *rest]


def swapped(rows: Rows) -> Rows:
    """Give the first answer the second one's advantage."""
    (row, signals), *rest = rows
    advantage_K = signals.advantage_K.clone()
    other = int((advantage_K != advantage_K[0]).nonzero()[0])
    advantage_K[0], advantage_K[other] = signals.advantage_K[other], signals.advantage_K[0]
    return [(row, signals._replace(advantage_K=advantage_K)), *rest]


@pytest.mark.parametrize("spoil", [shifted, swapped])
def test_one_boundary_off_or_two_advantages_swapped_is_seen(spoil: Callable[[Rows], Rows]) -> None:
    of = learner(parity=10.0)
    groups = three(of.trainee.model)
    assert apart(packed(of, groups, spoil), by_hand(of.trainee.model, groups, "sample")) > 100 * CLOSE


def test_a_group_of_equal_rewards_moves_nothing() -> None:
    of = learner(parity=10.0)
    alike = [group(of.trainee.model, seed, (reward,) * 3) for seed, reward in ((0, 1.0), (1, 0.0), (2, 0.1))]
    gradient = packed(of, alike)
    assert gradient and all(bool((one == 0).all()) for one in gradient.values())
    before = {name: weight.clone() for name, weight in of.trainee.named_parameters()}
    assert of.learn(three(of.trainee.model), 1e-3).micro_steps
    assert any(not torch.equal(before[name], weight) for name, weight in of.trainee.named_parameters())
    before = {name: weight.clone() for name, weight in of.trainee.named_parameters()}
    assert of.learn(alike, 1e-3).tokens == 0, "nor do the moments of the step before move it"
    assert all(torch.equal(before[name], weight) for name, weight in of.trainee.named_parameters())


def test_a_pictures_tokens_are_in_an_answer_once_and_its_targets_are_what_was_drawn() -> None:
    of = learner(row_tokens=4096)
    groups = three(of.trainee.model)
    [(row, signals)] = of.rows(weighed(groups))
    pictures = sum(int(one.prompt.grids_N3.prod(1).sum()) // 4 for group in groups for one in group.rollouts)
    assert int((row.tokens_BL == IDS.image).sum()) == pictures + 1, "and one of the padding's blank picture"
    assert len(row.grids_N3) == len(groups) + 1 and len(row.shown) == 3 * len(groups) + 1, "and looked at once a task"
    assert row.targets == sum(one.drawn for group in groups for one in group.rollouts) == len(signals.old_K)


def test_where_the_engine_is_off_the_run_stops_and_the_trainer_may_compute_again() -> None:
    of = learner()
    groups = three(of.trainee.model)
    with pytest.raises(BadInput, match="off the trainer's"):
        of.learn(groups, 1e-3)
    again = learner(old="trainer")
    told = again.learn(groups, 1e-3)
    assert told.clipped == 0 and told.parity > 1e-2, "ratios are then exactly 1 at the first update"
    twice = learner(old="trainer", updates=2)
    assert twice.learn(groups, 1e-3).micro_steps >= told.micro_steps
