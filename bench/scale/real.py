"""What the made rows are drawn from: the real samples in short, as shares and quantiles; nothing of theirs is in it."""

from __future__ import annotations

import os

import msgspec
from msgspec import Struct

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
REAL = os.path.join(HERE, "real.json")

Shape = tuple[int, int, int, str, str]
"""Width and height in px, size in bytes, format, Pillow's mode."""


class Real(Struct, frozen=True):
    """Distributions: quantiles are evenly spaced, shares add up to one.

    `shapes`: of pictures, an even draw from all in the order of their pixels. Quantiles: `channel_std`,
    `top_colour_share`, `sharpness`; `words_a_text`; `concept_ranks`, of the place of a concept among those named, the
    most frequent first. Shares: `texts`, of samples with one text, two, ...; `words`, of the commonest; `concepts`, of
    samples that name none, one, .... `hashes`: what real perceptual hashes are like.
    """

    pictures: int
    samples: int
    shapes: tuple[Shape, ...]
    channel_std: tuple[float, ...]
    top_colour_share: tuple[float, ...]
    sharpness: tuple[float, ...]
    texts: tuple[float, ...]
    words: dict[str, float]
    words_a_text: tuple[float, ...]
    concepts: tuple[float, ...]
    concept_ranks: tuple[float, ...]
    vocabulary: int
    hashes: dict[str, float]


def real() -> Real:
    """Return what was measured."""
    with open(REAL, "rb") as file:
        return msgspec.json.decode(file.read(), type=Real)
