"""Room for the patches of a row, used again once nobody holds it.

A row of 8,192 tokens of pictures is 150 MB, and a system that gives so much anew for each row has to clear it page by
page: that cost as much as decoding the pictures. A room comes back when its tensor is freed, whoever held it; the two
that came back last are kept. Copies to a device must not outlive the tensor: from memory that is not pinned none does.
"""

from __future__ import annotations

import math
import weakref

import numpy as np
import torch
from numpy.typing import NDArray

KEPT = 2

_free = list[NDArray[np.float32]]()


def room(*shape: int) -> torch.Tensor:
    """Return a tensor of 32 bits, whatever stands in it."""
    size = math.prod(shape)
    held = next((one for one in _free if len(one) >= size), None)
    if held is None:
        held = np.empty(size + size // 8, np.float32)
    else:
        _free[:] = [one for one in _free if one is not held]
    lent = held[:size]
    weakref.finalize(lent, _come_back, held).atexit = False
    return torch.from_numpy(lent).view(shape)


def _come_back(held: NDArray[np.float32]) -> None:
    _free.append(held)
    del _free[:-KEPT]
