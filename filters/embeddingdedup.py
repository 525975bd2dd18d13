"""Near-duplicates by embedding: x goes if a better-ranked y of its cluster is as similar as that, and y is named.

SemDeDup's plan: rows are clustered by their nearest centre and compared within their cluster alone. The rule there is
that of pictures (the local minimum), so every drop can be checked against its witness. The centres are learnt of those
rows whose keys draw the smallest numbers, so the same corpus has the same centres however it is cut into parts.

A pair on two sides of a border between clusters is missed. Of 100,000 made vectors of 64 dimensions, 5,000 of them
planted at a cosine of 0.95 to another: 1 in 100 where the vectors lie in 300 clouds, 27 in 100 where they are scattered
evenly and there is nothing to cluster. Equal vectors are never missed.

A cluster of rows that are not similar costs the square of its size: about n * sqrt(n) cosines in all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.compiled import compiled, on_threads
from filters.corpus import CorpusFilter, Learned, Lost, Spread, halves, pixels, ranked
from filters.draws import draws
from filters.sphere import TILE, centres, cosines, has_direction, length, nearest, product, units

_PER_CENTRE = 16

Comparing = Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.float64]]]
"""Of members of a cluster, by their places among the embeddings, best first: the place among these of the one that each
is like, or -1, and what was measured."""


class EmbeddingDedup(CorpusFilter, frozen=True):
    """Drops pictures whose embedding has a cosine of at least `similarity` with a better-ranked one's in their cluster;
    what is measured is the cosine. A row without an embedding stays, as does one that is zero or not finite.

    `clusters`: 0 means the square root of the number of rows. Clusters are learnt of at most `sample` rows, 16 or more
    for each. Raises ValueError for a similarity outside 0 to 1: at 1 itself rounding would decide, so it is excluded.

    `row_bytes` stands for 768 dimensions.
    """

    similarity: float = 0.95
    clusters: int = 0
    sample: int = 65_536
    seed: str = "embedding"
    reads: ClassVar[tuple[str, ...]] = ("embedding", "width_px", "height_px")
    reasons: ClassVar = ("near_duplicate_embedding",)
    row_bytes: ClassVar = 4 * 768 + 128
    column: ClassVar = "embedding"

    def __post_init__(self) -> None:
        if not 0 < self.similarity < 1:
            raise ValueError(f"similarity must be above 0 and below 1, not {self.similarity}: 0.9999 for equal vectors")
        if self.clusters < 0 or self.sample < 1:
            raise ValueError(f"clusters must be 0 or more and sample 1 or more, not {self.clusters} and {self.sample}")

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        return pixels(columns)

    def survey(self, columns: Columns) -> Learned:
        rows, vectors_ND = embeddings(columns, self.column)
        pointing = np.flatnonzero(has_direction(vectors_ND))
        keys = columns.array("key")[rows[pointing]]
        drawn = self._drawn(keys)
        return {"rows": np.array([len(pointing)]), "keys": keys[drawn], "vectors": vectors_ND[pointing[drawn]]}

    def learn(self, surveys: Sequence[Learned]) -> Learned:
        some = [one for one in surveys if one["rows"].any()]
        if not some:
            return {"centres": np.zeros((0, 0), np.float32)}
        _agree_on_dimensions({one["vectors"].shape[1] for one in some})
        drawn = self._drawn(np.concatenate([one["keys"] for one in some]))
        vectors_ND = np.concatenate([one["vectors"] for one in some])[drawn]
        wanted = self.clusters or ceil(sqrt(sum(int(one["rows"][0]) for one in some)))
        return {"centres": centres(vectors_ND, min(wanted, ceil(len(drawn) / _PER_CENTRE)))}

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        rows, vectors_ND = embeddings(columns, self.column)
        cluster = _clusters(vectors_ND, learned)
        return Spread(rows[cluster >= 0], cluster[cluster >= 0] % count)

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        rows, vectors_ND = embeddings(columns, self.column)
        cluster, comparing = _clusters(vectors_ND, learned), self.comparing(columns, rows, vectors_ND)
        order = ranked(self.merit(columns)[rows], columns.array("key")[rows])
        order = order[np.argsort(cluster[order], kind="stable")]
        cuts = np.searchsorted(cluster[order], np.arange(len(learned["centres"]) + 1)).tolist()
        witness, cosine = np.full(len(rows), -1), np.zeros(len(rows))

        def compare(begin: int, end: int) -> None:
            members = order[begin:end]
            found, measured = comparing(members)
            witness[members] = np.where(found < 0, -1, members[found])
            cosine[members] = measured

        on_threads(compare, [(begin, end) for begin, end in pairwise(cuts) if end - begin > 1])
        lost = np.flatnonzero(witness >= 0)
        return Lost(rows[lost], rows[witness[lost]], cosine[lost], np.zeros(len(lost), np.int16))

    def comparing(self, columns: Columns, rows: NDArray[np.int64], vectors_ND: NDArray[np.float32]) -> Comparing:
        """Return what finds, for each of some members of one cluster, best first, the better one that it is like."""
        return lambda members: nearest_better(vectors_ND[members], self.similarity)

    def _drawn(self, keys: NDArray[Any]) -> NDArray[np.int64]:
        """Return the places of the keys of the smallest draws, ascending by draw, then by key; at most `sample`."""
        drawn, places = draws(keys, self.seed), np.arange(len(keys))
        if len(keys) > self.sample:
            places = np.flatnonzero(drawn <= np.partition(drawn, self.sample - 1)[self.sample - 1])
        high, low = halves(keys[places])
        smallest: NDArray[np.int64] = places[np.lexsort((low, high, drawn[places]))][: self.sample]
        return smallest


def nearest_better(vectors_MD: NDArray[np.float32], similarity: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each vector of a cluster, the place of the first that is similar and stands before it, or -1, and the
    cosine with it.

    Cosines of float32 say which are worth computing in float64, with a margin for their rounding; the latter decide.
    """
    margin = (vectors_MD.shape[1] + 8) * 2.0**-23
    witness, cosine = np.full(len(vectors_MD), -1), np.zeros(len(vectors_MD))
    _compare(vectors_MD, units(vectors_MD), similarity, np.float32(similarity - margin), witness, cosine)
    return witness, cosine


def embeddings(columns: Columns, name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows that have an embedding, and these; raises ValueError where not all are of one length."""
    lists = columns.lists(name)
    lengths = np.diff(lists.offsets)
    rows = np.flatnonzero(lengths)
    _agree_on_dimensions(set(lengths[rows].tolist()))
    return rows, np.ascontiguousarray(lists.within(), np.float32).reshape(len(rows), -1 if len(rows) else 0)


def _agree_on_dimensions(dimensions: set[int]) -> None:
    if len(dimensions) > 1:
        raise ValueError(f"embeddings of {' and '.join(map(str, sorted(dimensions)))} numbers cannot be compared")


def _clusters(vectors_ND: NDArray[np.float32], learned: Learned) -> NDArray[np.int64]:
    """Return the cluster of each row, -1 for one without a direction; raises ValueError where the centres were learnt
    of other embeddings."""
    pointing = has_direction(vectors_ND)
    if not pointing.any():
        return np.full(len(vectors_ND), -1)
    if vectors_ND.shape[1] != learned["centres"].shape[1]:
        raise ValueError("these embeddings were not surveyed: survey the rows that are decided")
    return np.where(pointing, nearest(vectors_ND, learned["centres"]), -1)


@compiled
def _compare(vectors_MD: Any, unit_MD: Any, similarity: Any, screen: Any, witness: Any, cosine: Any) -> None:
    """A tile of the better-ranked at a time; a row that has found its witness looks no further."""
    tile_DT, cosine_T = np.zeros((unit_MD.shape[1], TILE), np.float32), np.empty(TILE, np.float32)
    for first in range(0, len(unit_MD), TILE):
        size = min(TILE, len(unit_MD) - first)
        for lane in range(size):
            for place in range(unit_MD.shape[1]):
                tile_DT[place, lane] = unit_MD[first + lane, place]
        for row in range(first + 1, len(unit_MD)):
            if witness[row] >= 0:
                continue
            cosines(unit_MD[row], tile_DT, cosine_T)
            for lane in range(min(size, row - first)):
                if cosine_T[lane] >= screen:
                    one, other = vectors_MD[row], vectors_MD[first + lane]
                    exact = product(one, other) / (length(one) * length(other))
                    if exact >= similarity:
                        witness[row], cosine[row] = first + lane, min(exact, 1.0)
                        break
