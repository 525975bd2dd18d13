"""Patches as a tower takes them: from grey levels, as documents hold them, to numbers around zero.

A document keeps a byte a value, a quarter of what its numbers take, so that a process that loads hands over a quarter.
The numbers are those of transformers' Pillow processor, bit for bit: each of the three operations is rounded once, in
32 bits. Shapes: P patches, D values of one, by channel, frame, row and column.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.documents.grid import PATCH_VALUES
from trainer.model.room import room

LEVELS = 255
PIECE = 128
"""Patches."""

_MEAN_C = torch.tensor([0.48145466, 0.4578275, 0.40821073])
_SPREAD_C = torch.tensor([0.26862954, 0.26130258, 0.27577711])
_MEAN_D, _SPREAD_D = (values_C.repeat_interleave(PATCH_VALUES // 3) for values_C in (_MEAN_C, _SPREAD_C))


def normalised(levels_PD: NDArray[np.uint8]) -> torch.Tensor:
    """Return [P, D] in float32, made a piece at a time, which stays in a processor's cache through all of it."""
    if levels_PD.dtype != np.uint8:
        raise TypeError(f"patches are grey levels, uint8, not {levels_PD.dtype}")
    found_PD = room(*levels_PD.shape)
    for piece, levels in zip(
        torch.split(found_PD, PIECE), torch.split(torch.from_numpy(levels_PD), PIECE), strict=True
    ):
        piece.copy_(levels).div_(LEVELS).sub_(_MEAN_D).div_(_SPREAD_D)
    return found_PD
