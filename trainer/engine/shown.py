"""A prompt's pictures as they are shown to another program: PNGs of the very pixels that its patches hold.

Each is a whole number of merged tokens high and wide and within the budget of its kind, so a processor that rounds to
such sizes leaves it as it is. A slice of a clip holds two frames in one patch, which no picture can: it is refused.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.errors import BadInput
from trainer.documents.grid import FRAMES, MERGED_SIDE, PATCH_PX
from trainer.engine.engine import Prompt


def pictures_shown(prompt: Prompt) -> list[str]:
    """Return the pictures of a prompt as data: URLs, in their order; raises BadInput where one is no still picture."""
    counts = [height * width for _, height, width in prompt.grids_N3.tolist()]
    parts = np.split(prompt.patches_PD, np.cumsum(counts)[:-1]) if counts else []
    found = []
    for (slices, height, width), patches_PD in zip(prompt.grids_N3.tolist(), parts, strict=True):
        frames = unpatched(patches_PD, height, width)
        if slices != 1 or (frames[0] != frames[1]).any():
            what = "a clip cannot be shown to it: two frames of a clip are one of its patches"
            raise BadInput(what, where=prompt.key or "prompt", remedy="ask the local engine")
        file = io.BytesIO()
        Image.fromarray(frames[0]).save(file, "PNG")
        found.append(f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}")
    return found


def unpatched(patches_PD: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return [F, H, W, C], what `patchify` made patches of; height and width in patches."""
    tall, wide = height // MERGED_SIDE, width // MERGED_SIDE
    laid = patches_PD.reshape(tall, wide, MERGED_SIDE, MERGED_SIDE, 3, FRAMES, PATCH_PX, PATCH_PX)
    return laid.transpose(5, 0, 2, 6, 1, 3, 7, 4).reshape(FRAMES, height * PATCH_PX, width * PATCH_PX, 3)
