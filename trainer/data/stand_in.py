"""Stand-ins: what takes the place of a sample that does not decode.

They come from the same window and pool, are no longer and have no more patches, so they fit where it was and take no
more memory; the longest is asked first, of equals the one that is trained first. So the rule hangs on the plan and on
which samples are broken, never on which process met one first. Where none of the first few decodes, the place stays
empty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.plan.pool import Pool
from trainer.plan.window import Window, column_of

MOST_ASKED = 8


def stand_ins(pools: Sequence[Pool], window: Window, pool: int, place: int) -> list[int]:
    """Return the places in the same pool to be asked in turn."""
    tokens_N, patches_N = column_of(pools, window, "tokens_N"), column_of(pools, window, "patches_N")
    missing = pools[pool]
    fits_N = (
        (window.pool_N == pool)
        & (window.place_N != place)
        & (tokens_N <= missing.tokens_N[place])
        & (patches_N <= missing.patches_N[place])
    )
    found = np.flatnonzero(fits_N)
    longest_first = found[np.argsort(-tokens_N[found].astype(np.int64), kind="stable")]
    return list(dict.fromkeys(window.place_N[longest_first].tolist()))[:MOST_ASKED]
