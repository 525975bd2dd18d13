"""Documents, drawn: words of lognormal length, and pictures of a few common sizes as noise.

Lengths are those of a mix of captions, interleaved pages and dialogues: 1,421 tokens on average, one in twenty longer
than 4,678, so that batches of four that are padded are half full.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.gpu_runs.shapes import BEGIN_IMAGE, END, END_IMAGE, FIRST_WORD, IMAGE
from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.model.pack import PackedBatch, pack

MEAN_TOKENS, SPREAD = 1_421, 1.1
GRIDS = ((34, 46), (46, 34), (24, 24), (46, 62), (16, 72))
"""Patches of pictures of 480 x 640, 336 x 336, 640 x 868 and 224 x 1008 pixels."""
TINY_GRIDS = ((4, 4), (2, 6), (6, 4))
WORDS, TINY_WORDS = 150_000, 500


def documents(tokens: int, longest: int, *, pictures: bool, tiny: bool, seed: int = 0) -> list[Document]:
    """Draw documents of so many tokens in all, at the least, none longer than `longest`."""
    random = np.random.default_rng(seed)
    mean = longest / 6 if tiny else MEAN_TOKENS
    found, drawn = list[Document](), 0
    while drawn < tokens:
        length = int(random.lognormal(np.log(mean) - SPREAD**2 / 2, SPREAD))
        found.append(_document(random, min(max(length, 16), longest), pictures, tiny))
        drawn += len(found[-1].tokens_T)
    return found


def _document(random: np.random.Generator, length: int, pictures: bool, tiny: bool) -> Document:
    tokens, grids = list[int](), []
    sizes, words = (TINY_GRIDS, TINY_WORDS) if tiny else (GRIDS, WORDS)
    for _ in range(int(random.choice([0, 1, 1, 2, 4])) if pictures else 0):
        height, width = sizes[random.integers(len(sizes))]
        seen = [BEGIN_IMAGE, *[IMAGE] * (height * width // 4), END_IMAGE]
        if len(tokens) + len(seen) + 8 <= length:
            tokens += [*random.integers(FIRST_WORD, words, 4).tolist(), *seen]
            grids.append((1, height, width))
    tokens += random.integers(FIRST_WORD, words, length - len(tokens)).tolist()
    tokens_T = np.array(tokens, np.int32)
    is_target_T = (tokens_T >= FIRST_WORD) & (np.arange(length) > 0)
    patches = sum(height * width for _, height, width in grids)
    patches_PD = random.integers(0, 256, (patches, PATCH_VALUES), np.uint8)
    return Document(f"{length}", "text", tokens_T, is_target_T, np.array(grids, np.int64).reshape(-1, 3), patches_PD)


def rows_of(found: Sequence[Document], length: int) -> list[PackedBatch]:
    """Lay documents into rows, the longest first, each where it fits best; the last rows may be emptier."""
    laid, room = list[list[Document]](), list[int]()
    for document in sorted(found, key=lambda one: -len(one.tokens_T)):
        tokens = len(document.tokens_T)
        fitting = [place for place, left in enumerate(room) if left >= tokens]
        if not fitting:
            laid.append([])
            room.append(length)
            fitting = [len(laid) - 1]
        best = min(fitting, key=lambda place: room[place])
        laid[best].append(document)
        room[best] -= tokens
    return [pack(row, length, image_id=IMAGE, padding_id=END) for row in laid]
