"""Rollouts of the local engine against transformers' generate as TRL's GRPOTrainer calls it: n = 8, one tiny Glm4v.

Four prompts, each a picture of 256 tokens and twelve words, are answered eight times each, 64 tokens an answer: none
ends early, so both sides do the same work. TRL repeats each prompt and its picture n times and samples from the whole
distribution, image tokens suppressed; its caches grow as transformers' do by default. Greedy answers are compared
first. Ours come with their log-probabilities, theirs without. Both get tensors that are prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from bench.duel import Row, interleave, require, row
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.special import SpecialIds
from trainer.engine.engine import Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.model.model import build
from trainer.model.normalised import normalised
from trainer.model.presets import preset

PROMPTS, ROWS, WORDS, NEW_TOKENS, SIDE = 4, 8, 12, 64, 32
IDS = SpecialIds(0, (0,), 4_000, 4_001, 4_002, 4_003, 4_004, 4_005)
GOAL = 4.0
BOUND = "at batches of 32: the decoder's layers, a token at a time"


def rows(_: str) -> Iterator[Row]:
    torch.set_num_threads(1)
    model = build(preset("tiny"), IDS, 4_096, seed=0)
    model.generation_config.eos_token_id = None
    engine, asked = LocalEngine(model), [_prompt(seed) for seed in range(PROMPTS)]
    greedy = engine.generate(asked, 1, Sampling(max_tokens=NEW_TOKENS, temperature=0))
    require([list(one.tokens) for (one,) in greedy] == _generated(model, asked, 1, do_sample=False), "greedy answers")
    sampling = Sampling(max_tokens=NEW_TOKENS)
    times_s = interleave(
        lambda: engine.generate(asked, ROWS, sampling), lambda: _generated(model, asked, ROWS, do_sample=True)
    )
    rollouts = PROMPTS * ROWS
    yield row("rollouts against transformers' generate as TRL calls it", times_s, rollouts, GOAL, BOUND)
    print(
        f"- rollouts: {model.num_parameters():,} parameters, {len(asked[0].tokens_T)} tokens a prompt, "
        f"{rollouts} rollouts of {NEW_TOKENS} tokens"
    )


def _prompt(seed: int) -> Prompt:
    random = np.random.default_rng(seed)
    picture = [IDS.begin_image, *[IDS.image] * (SIDE * SIDE // 4), IDS.end_image]
    tokens = np.array([*picture, *random.integers(5, 4_000, WORDS).tolist()], np.int32)
    patches = random.integers(0, 256, (SIDE * SIDE, PATCH_VALUES), np.uint8)
    return Prompt(str(seed), tokens, np.array([[1, SIDE, SIDE]], np.int64), patches)


@torch.no_grad()
def _generated(model: Any, asked: Sequence[Prompt], count: int, *, do_sample: bool) -> list[list[int]]:
    """Return what transformers generates to prompts of one length, each repeated as TRL repeats it."""
    from transformers import GenerationConfig

    repeated = [one for one in asked for _ in range(count)]
    tokens = torch.from_numpy(np.stack([one.tokens_T for one in repeated])).long()
    config = GenerationConfig(
        max_new_tokens=NEW_TOKENS,
        do_sample=do_sample,
        pad_token_id=IDS.end,
        temperature=1.0 if do_sample else None,
        top_p=1.0 if do_sample else None,
        top_k=0 if do_sample else None,
        repetition_penalty=1.0,
        suppress_tokens=[IDS.image, IDS.video],
        disable_compile=True,
    )
    found = model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        mm_token_type_ids=(tokens == IDS.image).int(),
        pixel_values=torch.cat([normalised(one.patches_PD) for one in repeated]),
        image_grid_thw=torch.from_numpy(np.concatenate([one.grids_N3 for one in repeated])),
        generation_config=config,
    )
    said: list[list[int]] = found[:, tokens.shape[1] :].tolist()
    return said
