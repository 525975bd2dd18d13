"""A model of random weights and prompts for it: words, pictures, slices of a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from msgspec import structs

from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.special import SpecialIds
from trainer.engine.engine import Answer, Prompt
from trainer.engine.generate import LocalEngine
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.pack import pack
from trainer.model.presets import preset

WORDS = 400
IDS = SpecialIds(0, (0, 1, 2), 500, 501, 502, 503, 504, 505)


def made(name: str, **changed: Any) -> LocalEngine:
    model = build(structs.replace(preset(name), initial_spread=0.1), IDS, 512, seed=3)
    model.generation_config.eos_token_id = list(IDS.stops)
    return LocalEngine(model, "first", **changed)


def prompt(seed: int, *parts: int | tuple[int, int] | list[tuple[int, int]], key: str = "") -> Prompt:
    """Make a prompt of so many words, pictures by their grids, and clips by the grids of their slices."""
    random = np.random.default_rng(seed)
    tokens: list[int] = []
    grids: list[tuple[int, int, int]] = []

    def picture(grid: tuple[int, int]) -> None:
        tokens.extend([IDS.begin_image, *[IDS.image] * (grid[0] * grid[1] // 4), IDS.end_image])
        grids.append((1, *grid))

    for part in parts:
        if isinstance(part, int):
            tokens.extend(random.integers(5, WORDS, part).tolist())
        elif isinstance(part, tuple):
            picture(part)
        else:
            tokens.append(IDS.begin_video)
            for second, grid in enumerate(part):
                picture(grid)
                tokens.append(10 + second)
            tokens.append(IDS.end_video)
    patches = sum(height * width for _, height, width in grids)
    return Prompt(
        key,
        np.array(tokens, np.int32),
        np.array(grids, np.int64).reshape(-1, 3),
        random.integers(0, 256, (patches, PATCH_VALUES), np.uint8),
    )


PROMPTS = {
    "text": prompt(0, 12),
    "one picture": prompt(1, 3, (4, 6), 5),
    "two pictures": prompt(2, (8, 4), 2, (4, 10), 3),
    "slices": prompt(4, 2, [(4, 4), (4, 4), (4, 4)], 4),
}


def by_the_trainer(engine: LocalEngine, asked: Prompt, answer: Answer) -> torch.Tensor:
    """Return the log-probability of each token of an answer, as training computes it."""
    tokens_T = np.concatenate([asked.tokens_T, np.array(answer.tokens, np.int32)])
    document = Document(
        "0", "cot", tokens_T, np.arange(len(tokens_T)) >= len(asked.tokens_T), asked.grids_N3, asked.patches_PD
    )
    row = pack([document], len(tokens_T), image_id=IDS.image, padding_id=IDS.end)
    with torch.no_grad():
        return -Trainee(engine.model)(row).losses.each_K
