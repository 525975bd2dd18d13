"""Pools for the trainer's tests: lengths of the kind that a multimodal corpus has, drawn from a seed."""

from __future__ import annotations

import numpy as np

from schemas.kind import KINDS
from trainer.plan.pool import Pool

SLICE_PATCHES = 1600
"""Those of a slice of a video of 560 x 560 pixels."""


def pool(name: str, weight: int, tokens: np.ndarray, patches: np.ndarray | None = None, kind: str = "caption") -> Pool:
    """A pool whose samples have these lengths; patches are one picture's, in a video many slices'."""
    patches = (np.zeros(len(tokens)) if patches is None else patches).astype(np.uint64)
    return Pool(
        name,
        f"digest of {name}",
        weight,
        np.arange(len(tokens), dtype=np.uint32),
        np.full(len(tokens), KINDS.index(kind), np.uint8),
        tokens.astype(np.uint32),
        np.maximum(tokens // 3, 1).astype(np.uint32),
        patches.astype(np.uint32),
        patches * (SLICE_PATCHES if kind == "video" else patches),
    )


def corpus(sequence_tokens: int, samples: int = 100_000, seed: int = 0) -> list[Pool]:
    """Captions, interleaved documents, OCR, grounding, instructions and text, and video where sequences are long.

    Their lengths are drawn log-normally: a mean of some 1,000 tokens at 8,192 and of some 3,000 at 32,768.
    """
    rng = np.random.default_rng(seed)
    long = sequence_tokens > 8192
    weights = (38, 8, 8, 8, 14, 6, 18) if long else (50, 10, 12, 10, 13, 5)
    kinds = ("caption", "interleaved", "ocr", "grounding", "instruction", "text", "video")
    words = ((60, 0.6), (2300, 0.8), (500, 0.8), (120, 0.6), (350, 0.9), (900, 1.1), (9000, 0.6))
    found = []
    for kind, weight, (median, spread) in zip(kinds, weights, words, strict=False):
        count = samples * weight // 100
        text = np.clip(rng.lognormal(np.log(median), spread, count), 8, sequence_tokens)
        picture = np.clip(rng.lognormal(np.log(420), 0.7, count), 16, 6144).astype(int)
        if kind in ("text", "video", "interleaved"):
            picture = (0.8 * text).astype(int) if kind == "video" else np.zeros(count, int)
            text = text - picture
        tokens = np.minimum(text + picture, sequence_tokens).astype(int)
        found.append(pool(kind, weight, tokens, 4 * np.minimum(picture, tokens), kind))
    return found
