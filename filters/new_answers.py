"""New answers: of near-duplicates the one of the earliest round stays; a round adds what was not said before."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.textdedup import TextNearDedup

_CHARS_BITS, _LAST_ROUND = 40, 2**23


class NewAnswers(TextNearDedup, frozen=True):
    """As TextNearDedup, but that an earlier round is better than more characters."""

    reads: ClassVar[tuple[str, ...]] = (*TextNearDedup.reads, "answer_round")

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        rounds = np.minimum(columns.array("answer_round").astype(np.uint64), np.uint64(_LAST_ROUND))
        chars = np.minimum(super().merit(columns), np.uint64(2**_CHARS_BITS - 1))
        found: NDArray[np.uint64] = ((np.uint64(_LAST_ROUND) - rounds) << np.uint64(_CHARS_BITS)) | chars
        return found
