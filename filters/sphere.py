"""Vectors on the unit sphere: which centre is nearest, and centres for them (spherical k-means).

Cosines are sums of float32 products in the order of the dimensions, a sum a lane, without fused operations: neither
the number of rows in a batch nor that of threads changes a bit. A matrix product of a BLAS makes no such promise.

N vectors, K centres, D dimensions, X tiles of T = TILE vectors side by side: a lane each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.compiled import compiled, on_threads

TILE = 64

_ROUNDS = 10
_CHUNK_ROWS = 4096


def units(vectors_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors at unit length; one without a direction has none there either."""
    found_ND = np.empty_like(vectors_ND)
    _units(vectors_ND, found_ND)
    return found_ND


def has_direction(vectors_ND: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which vectors are finite and not zero."""
    found = np.empty(len(vectors_ND), np.bool_)
    _has_direction(vectors_ND, found)
    return found


def nearest(vectors_ND: NDArray[np.float32], centres_KD: NDArray[np.float32], threads: int = 0) -> NDArray[np.int64]:
    """Return the centre of the largest cosine for each vector, of equals the first; of a vector without a direction,
    any. `threads`: 0 means one a core.
    """
    found = np.zeros(len(vectors_ND), np.int64)
    cuts = range(0, len(centres_KD), TILE)
    tiles_XDT = np.zeros((len(cuts), centres_KD.shape[1], TILE), np.float32)
    for tile_DT, first in zip(tiles_XDT, cuts, strict=True):
        some_KD = centres_KD[first : first + TILE]
        tile_DT[:, : len(some_KD)] = some_KD.T

    def look(first: int) -> None:
        rows = slice(first, first + _CHUNK_ROWS)
        _nearest(units(vectors_ND[rows]), tiles_XDT, len(centres_KD), found[rows])

    on_threads(look, [(first,) for first in range(0, len(vectors_ND), _CHUNK_ROWS)], threads)
    return found


def centres(vectors_ND: NDArray[np.float32], count: int, threads: int = 0) -> NDArray[np.float32]:
    """Return `count` centres of unit length: the first vectors, moved to the mean of those nearest to them, ten times.

    A centre to which nothing is nearest stays where it is.
    """
    unit_ND = units(vectors_ND)
    centres_KD = unit_ND[:count].copy()
    for _ in range(_ROUNDS):
        sums_KD = np.zeros(centres_KD.shape, np.float64)
        _add(unit_ND, nearest(unit_ND, centres_KD, threads), sums_KD)
        moved = np.flatnonzero(sums_KD.any(axis=1))
        centres_KD[moved] = units(sums_KD[moved].astype(np.float32))
    return centres_KD


@compiled
def length(vector_D: Any) -> Any:
    """Return the length of a vector: of float32, finite and above 0 wherever the vector is finite and not zero."""
    return np.sqrt(product(vector_D, vector_D))


@compiled
def product(one_D: Any, other_D: Any) -> Any:
    """Return the scalar product of two vectors, in float64."""
    total = 0.0
    for place in range(len(one_D)):
        total += np.float64(one_D[place]) * np.float64(other_D[place])
    return total


@compiled
def cosines(vector_D: Any, tile_DT: Any, found_T: Any) -> None:
    """Compute the cosines of a unit vector with TILE others."""
    for lane in range(TILE):
        found_T[lane] = np.float32(0)
    for place in range(len(vector_D)):
        factor, others_T = vector_D[place], tile_DT[place]
        for lane in range(TILE):
            found_T[lane] += factor * others_T[lane]


@compiled
def _units(vectors_ND: Any, found_ND: Any) -> None:
    for row in range(len(vectors_ND)):
        norm = length(vectors_ND[row])
        for place in range(vectors_ND.shape[1]):
            found_ND[row, place] = np.float32(vectors_ND[row, place] / norm) if norm > 0 else np.float32(0)


@compiled
def _has_direction(vectors_ND: Any, found: Any) -> None:
    for row in range(len(found)):
        found[row] = 0 < length(vectors_ND[row]) < np.inf


@compiled
def _nearest(unit_ND: Any, tiles_XDT: Any, count: Any, found: Any) -> None:
    cosine_T = np.empty(TILE, np.float32)
    for row in range(len(unit_ND)):
        best = np.float32(-2)
        for tile in range(len(tiles_XDT)):
            cosines(unit_ND[row], tiles_XDT[tile], cosine_T)
            for lane in range(min(TILE, count - tile * TILE)):
                if cosine_T[lane] > best:
                    best, found[row] = cosine_T[lane], tile * TILE + lane


@compiled
def _add(unit_ND: Any, centre: Any, sums_KD: Any) -> None:
    for row in range(len(unit_ND)):
        for place in range(unit_ND.shape[1]):
            sums_KD[centre[row], place] += unit_ND[row, place]
