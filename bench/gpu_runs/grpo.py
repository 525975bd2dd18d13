"""A step of GRPO, timed: answers by the local engine, then learning from them, with the same weights on the same card.

Prompts are a picture and words, drawn; answers run to their last token, so that every step is the same work, and half
of each group is paid. Weights are lean, so the engine computes in 16 bits as the learner does, and the learner takes
its own log-probabilities. The engine runs layer by layer, without CUDA graphs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from msgspec import structs

from bench.gpu_runs.runs import Bar, Line
from bench.gpu_runs.shapes import BEGIN_IMAGE, END, END_IMAGE, FIRST_WORD, IMAGE
from bench.gpu_runs.sides import RATE, Setting, model_of
from bench.gpu_runs.timed import Timed, peak_gib, settle
from schemas.grade import RIGHT, WRONG, Grade
from schemas.task import Task
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.special import SpecialIds
from trainer.engine.engine import Answer, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.loop.flops import work_of
from trainer.loop.parallel import Ranks
from trainer.model.attention import needs_flex, use_document_attention
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.rl.grpo import Grpo, rl
from trainer.rl.learner import Learner
from trainer.rl.packed import weighed
from trainer.rl.rollout import Group, Rewarded, RlTask, Rollout

GROUP = 8
IDS = SpecialIds(END, (END,), IMAGE, FIRST_WORD, BEGIN_IMAGE, END_IMAGE, FIRST_WORD, FIRST_WORD)


class Size(NamedTuple):
    """What a step takes: prompts, the side of a prompt's picture in patches, its words, tokens of an answer and of a
    row, rows that answer at once, and steps that count after one that warms up."""

    prompts: int
    patches: int
    words: int
    answer_tokens: int
    row_tokens: int
    rows_at_once: int
    steps: int


WHOLE = Size(32, 32, 64, 512, 32_768, 256, 3)
TINY = Size(2, 4, 6, 8, 128, 16, 1)


class Step(NamedTuple):
    """Seconds of rolling out and of learning, and the nats of a drawn token."""

    rolling_s: float
    learning_s: float
    nats: float
    loss: float


def grpo_lines(setting: Setting, tiny: bool) -> Iterator[Line]:
    """Yield rolling out, learning, and both."""
    size = TINY if tiny else WHOLE
    learner = _learner(setting, size)
    engine = LocalEngine(learner.trainee.model, "", size.rows_at_once)
    engine.stops, engine.barred = frozenset(), (IMAGE, IMAGE)
    prompts = [_prompt(number, size, setting.shape.words) for number in range(size.prompts)]
    done = [_step(learner, engine, prompts, size, setting.device, seed) for seed in range(1 + size.steps)][1:]
    work = work_of(learner.trainee.model)
    rows = learner.rows(weighed(_groups(engine, prompts, size, 0)))
    operations = sum(work.of(row) for row, _ in rows)
    rollouts = size.prompts * GROUP
    whole = rollouts * (len(prompts[0].tokens_T) + size.answer_tokens)
    nats, losses = ((getattr(done[0], name), getattr(done[-1], name)) for name in ("nats", "loss"))
    peak = peak_gib(setting.device)
    rolling = Timed([one.rolling_s for one in done], nats, peak)
    learning = Timed([one.learning_s for one in done], losses, peak)
    both = Timed([one.rolling_s + one.learning_s for one in done], losses, peak)
    yield Line("rolling out, tokens drawn", setting, rollouts * size.answer_tokens, 0.0, rolling)
    yield Line("learning, prompts with answers", setting, whole, operations, learning, (Bar("of 989", 0.25),))
    yield Line("both, prompts with answers", setting, whole, 0.0, both, (Bar("tokens/s", 2_000),))


def _learner(setting: Setting, size: Size) -> Learner:
    stage, _ = rl("9b")
    stage = structs.replace(
        stage,
        sequence_length=size.row_tokens,
        states=setting.states,
        precision=str(setting.width).removeprefix("torch."),
    )
    model = model_of(setting)
    use_document_attention(model)
    use_flat_kernel(model)
    trainee = Trainee(model, flex=needs_flex(setting.device))
    grpo = Grpo(size.prompts, GROUP, size.answer_tokens, old="trainer")
    return Learner(stage, grpo, trainee, IDS, Ranks(0, 1, setting.device))


def _step(learner: Learner, engine: LocalEngine, prompts: list[Prompt], size: Size, device: str, seed: int) -> Step:
    settle(device)
    begin = time.perf_counter()
    groups = _groups(engine, prompts, size, seed)
    settle(device)
    between = time.perf_counter()
    told = learner.learn(groups, RATE)
    settle(device)
    end = time.perf_counter()
    drawn = [one for group in groups for rollout in group.rollouts for one in rollout.answer.logprobs]
    if told.tokens != len(drawn):
        raise RuntimeError(f"learnt from {told.tokens} tokens of {len(drawn)}")
    return Step(between - begin, end - between, -sum(drawn) / len(drawn), told.loss)


def _groups(engine: LocalEngine, prompts: list[Prompt], size: Size, seed: int) -> list[Group]:
    found = engine.generate(prompts, GROUP, Sampling(max_tokens=size.answer_tokens, seed=seed))
    return [_group(prompt, answers) for prompt, answers in zip(prompts, found, strict=True)]


def _group(prompt: Prompt, answers: list[Answer]) -> Group:
    task = RlTask(prompt.key, Task("counting", "", ""))
    paid = [Rewarded(float(row % 2), {}, Grade(float(row % 2), RIGHT if row % 2 else WRONG)) for row in range(GROUP)]
    rollouts = (Rollout(task, row, prompt, one, "", paid[row]) for row, one in enumerate(answers))
    return Group(task, tuple(rollouts))


def _prompt(number: int, size: Size, words: int) -> Prompt:
    random = np.random.default_rng(number)
    picture = [BEGIN_IMAGE, *[IMAGE] * (size.patches**2 // 4), END_IMAGE]
    tokens_T = np.array([*picture, *random.integers(FIRST_WORD, words, size.words).tolist()], np.int32)
    patches_PD = random.integers(0, 256, (size.patches**2, PATCH_VALUES), np.uint8)
    return Prompt(str(number), tokens_T, np.array([[1, size.patches, size.patches]], np.int64), patches_PD)
