"""How much of what the decoder is given of a picture says where in the picture it is, before anything is learnt.

    python -m bench.experiments.places [SEEDS]     print the table of docs/experiments/places.md

Pictures of three cells by three, drawn as tasks are. A cell is one word of the tower, so its place and its colour are
known: told is the share of the words' variance that lies between the means of places, and between those of colours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from statistics import median

import numpy as np
import torch
from msgspec import structs
from numpy.typing import NDArray

from pipelines.ingest.drawn_tasks import COLOURS, draw_task
from trainer.documents.picture import patchify
from trainer.model.model import SpecialIds, build
from trainer.model.normalised import normalised
from trainer.model.presets import preset

SPREADS = (0.05, 0.1, 0.2, 0.5, 1.0)
PICTURES, SIDE = 640, 3
IDS = SpecialIds(0, (0, 1, 2), image=500, video=501, begin_image=502, end_image=503, begin_video=504, end_video=505)

Floats = NDArray[np.float64]


def table(seeds: int) -> Iterator[str]:
    """Yield the lines of the table: medians over seeds."""
    pictures = [draw_task("counting", f"places-{at}") for at in range(PICTURES)]
    pixels = torch.cat([normalised(patchify(one.picture[None])) for one in pictures])
    place_N = np.tile(np.arange(SIDE * SIDE), PICTURES)
    colour_N = np.concatenate([_colours(one.caption) for one in pictures])
    yield "| positions are drawn as wide as | place | colour |"
    yield "|---|---:|---:|"
    for spread in SPREADS:
        words = [_words(spread, seed, pixels) for seed in range(seeds)]
        shares = [f"{median(_between(one, label_N) for one in words):.1%}" for label_N in (place_N, colour_N)]
        yield f"| {spread:g} | {' | '.join(shares)} |"


def _words(spread: float, seed: int, pixels: torch.Tensor) -> Floats:
    tower = build(structs.replace(preset("tiny"), place_spread=spread), IDS, 600, seed=seed).model.visual
    grid = torch.tensor([[1, 2 * SIDE, 2 * SIDE]]).expand(PICTURES, 3)
    with torch.no_grad():
        found: Floats = tower(pixels, grid_thw=grid).pooler_output.double().numpy()
    return found


def _between(words_NC: Floats, label_N: NDArray[np.int64]) -> float:
    """Return the share of the variance of words that lies between the means of what is labelled alike."""
    middle_C = words_NC.mean(0)
    between = sum(
        (label_N == label).mean() * float(((words_NC[label_N == label].mean(0) - middle_C) ** 2).sum())
        for label in np.unique(label_N)
    )
    return between / float(((words_NC - middle_C) ** 2).sum(1).mean())


def _colours(caption: str) -> NDArray[np.int64]:
    """Return each cell's colour in reading order, 0 where it is blank, from a caption that says cells by number."""
    found = np.zeros(SIDE * SIDE, np.int64)
    for cell in caption.split(", "):
        number, said, *_ = cell.split()
        found[int(number) - 1] = 1 + list(COLOURS).index(said) if said in COLOURS else 0
    return found


if __name__ == "__main__":
    print(*table(int(sys.argv[1]) if len(sys.argv) > 1 else 5), sep="\n")
