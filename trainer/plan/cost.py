"""What a sequence costs to train: tokens and patches once, and the squares that attention pays for.

Counting tokens alone hides the most: every sequence holds nearly the same number, but a document of 32,768 tokens pays
for attention what sixteen of 2,048 pay sixteen times over, and a picture's patches all look at each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainer.plan.plan import Row
from trainer.plan.pool import Pool
from trainer.plan.window import Drawn, column_of


class Cost(Struct, frozen=True):
    """Operations of a forward pass, for each token, token squared in a document, patch, and patch squared in a picture.

    By default those of the 9B model, in billions: two for each of 8.16 + 0.62 billion weights and token; causal
    attention over 40 layers of width 4,096; two for each of 0.68 billion weights and patch, and the merger's for a
    quarter of the patches; attention over all patches in 24 layers of width 1,536.
    """

    token: float = 17.56
    token_squared: float = 3.28e-4
    patch: float = 1.47
    patch_squared: float = 1.47e-4

    def of(self, pools: Sequence[Pool], rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return what each row costs."""
        documents = Drawn(np.concatenate([row.pool_N for row in rows]), np.concatenate([row.place_N for row in rows]))
        tokens_N, patches_N, squares_N = (
            column_of(pools, documents, name).astype(np.float64)
            for name in ("tokens_N", "patches_N", "patches_squared_N")
        )
        costs_N = (
            self.token * tokens_N
            + self.token_squared * tokens_N**2
            + self.patch * patches_N
            + self.patch_squared * squares_N
        )
        first_S = np.cumsum([0, *(len(row.pool_N) for row in rows[:-1])])
        return np.add.reduceat(costs_N, first_S)
