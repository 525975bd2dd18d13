"""Fixed sizes: what compiled layers see of a row is drawn up to one of a few sizes, so that no row compiles them anew.

A row's tokens are always as many; how many documents, pictures and patches it holds is not. Documents and pictures are
counted up to a power of two, 64 at least, with empty ones; the longest of them is told as a power of two, too. Patches
are filled up to an eighth of what a row of pictures alone would hold, with one blank picture that no token takes: at
most 9 sizes, and half an eighth of a full tower's work lost on average. Shapes as in pack.py.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F

from trainer.documents.grid import MERGED_SIDE
from trainer.model.pack import PackedBatch

LEAST_BOUNDS = 64
LEAST_LONGEST = 512
EIGHTHS = 8
_MERGED = MERGED_SIDE * MERGED_SIDE


def document_bounds(batch: PackedBatch) -> tuple[torch.Tensor, int]:
    """Return where documents begin, followed by the row's end as often as fills it up, and a bound of the longest."""
    documents = len(batch.ends_D1) - 1
    empty = power_of_two(documents, LEAST_BOUNDS) - documents
    return torch.cat([batch.ends_D1, batch.ends_D1[-1:].expand(empty)]), power_of_two(batch.longest, LEAST_LONGEST)


def use_fixed_tower(model: Any, row_tokens: int) -> None:
    """Make a model's tower see one of a few counts of patches and pictures, for rows of so many tokens."""
    tower = model.model.visual
    tower.fixed_patches = -(-row_tokens * _MERGED // (EIGHTHS * _MERGED)) * _MERGED
    tower.forward = MethodType(_forward, tower)


def power_of_two(count: int, least: int) -> int:
    """Return the power of two that is at least `count`, and `least` where that is more."""
    return max(least, 1 << (count - 1).bit_length())


def _forward(tower: Any, patches_PD: torch.Tensor, grid_thw: torch.Tensor, **said: Any) -> Any:
    """Run the tower on as many patches as the size above has, and give back what is of the pictures that were given."""
    patches, pictures = len(patches_PD), len(grid_thw)
    blank = -patches % tower.fixed_patches
    empty = power_of_two(pictures + 1, LEAST_BOUNDS) - pictures - 1
    filling = [[1, MERGED_SIDE, blank // MERGED_SIDE], *[[1, 0, 0]] * empty]
    grids_N3 = torch.cat([grid_thw, torch.tensor(filling, device=grid_thw.device, dtype=grid_thw.dtype)])
    longest = power_of_two(int(grids_N3.prod(1).max()), LEAST_LONGEST)
    seen = type(tower).forward(tower, F.pad(patches_PD, (0, 0, 0, blank)), grids_N3, max_seqlen=longest, **said)
    seen.last_hidden_state = seen.last_hidden_state[: patches // _MERGED]
    seen.pooler_output = seen.pooler_output[: patches // _MERGED]
    return seen
