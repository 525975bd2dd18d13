"""What a corpus filter is: a judgement over all living samples at once, which names the sample each one lost to."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Columns
from schemas.names import snake_case


class Lost(Struct, frozen=True):
    """The samples that go: their rows, the rows of the samples they lost to (-1: none), and what was measured."""

    rows: NDArray[np.int64]
    witnesses: NDArray[np.int64]
    measured: NDArray[np.float64]


class CorpusFilter(Struct, frozen=True):
    """A barrier in a recipe: all shards reach it, then `decide` sees the columns it reads, and `key` (16 bytes)."""

    reads: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The name in verdicts and funnels: the class's, in snake_case."""
        return snake_case(type(self).__name__)

    def decide(self, columns: Columns) -> Lost:
        """Return who goes, for the filter's one reason; the same for any order of the rows."""
        raise NotImplementedError(f"{type(self).__name__} has no decide()")


def ranked_by_pixels(columns: Columns) -> NDArray[np.int64]:
    """Return the rows, best first: more pixels before fewer, then the smaller key. This is a total order."""
    pixels = columns.array("width_px").astype(np.int64) * columns.array("height_px").astype(np.int64)
    ranked: NDArray[np.int64] = np.lexsort((columns.array("key"), -pixels))
    return ranked
