"""A pool: the samples of one export that may be trained on, as columns, and how often it is drawn from.

Columns, N samples long: `row` is the sample's place in the export's lengths. Some 20 bytes a sample are held.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Pool(Struct, frozen=True, eq=False):
    """Samples that may be trained on; of all that is drawn, `weight` of the sum of weights comes from here.

    `digest` is of everything that the columns are made from: another digest is another pool.
    """

    name: str
    digest: str
    weight: int
    row_N: NDArray[np.uint32]
    kind_N: NDArray[np.uint8]
    tokens_N: NDArray[np.uint32]
    targets_N: NDArray[np.uint32]
    patches_N: NDArray[np.uint32]
    patches_squared_N: NDArray[np.uint64]
    """The sum over its pictures of the square of their patches: what attention in the tower costs."""

    def __len__(self) -> int:
        return len(self.row_N)
