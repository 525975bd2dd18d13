"""Positions of one document's tokens: a row of places in the text, and three of time, height and width.

Text counts on in all three axes together. A picture's merged tokens share one time; height and width are its rows and
columns; what follows begins after the longest of them. The text row restarts with each document of a packed row, and
with the row of the text dropped transformers silently lets documents see each other. Shapes: 4 the rows, T tokens,
N pictures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.documents.grid import MERGED_SIDE


def positions(tokens_T: NDArray[np.int32], grids_N3: NDArray[np.int64], image_id: int) -> NDArray[np.int64]:
    """Return [4, T]: text, time, height, width.

    Pictures are told apart by their grids, so two may stand next to each other. Raises ValueError where the image
    tokens are not as many as the grids say.
    """
    of_image_K = np.flatnonzero(tokens_T == image_id)
    merged_N = grids_N3.prod(axis=1) // MERGED_SIDE**2 if len(grids_N3) else np.zeros(0, np.int64)
    if len(of_image_K) != int(merged_N.sum()):
        raise ValueError(f"{len(of_image_K)} image tokens, where the grids of its pictures make {int(merged_N.sum())}")
    places_4T = np.empty((4, len(tokens_T)), np.int64)
    places_4T[0] = np.arange(len(tokens_T))
    done, next_place, seen = 0, 0, 0
    for (_, height, width), merged in zip(grids_N3.tolist(), merged_N.tolist(), strict=True):
        begin = int(of_image_K[seen])
        if int(of_image_K[seen + merged - 1]) != begin + merged - 1:
            raise ValueError(f"the {merged} tokens of the picture at token {begin} do not stand together")
        places_4T[1:, done:begin] = np.arange(next_place, next_place + begin - done)
        start = next_place + begin - done
        rows, columns = height // MERGED_SIDE, width // MERGED_SIDE
        places_4T[1, begin : begin + merged] = start
        places_4T[2, begin : begin + merged] = start + np.repeat(np.arange(rows), columns)
        places_4T[3, begin : begin + merged] = start + np.tile(np.arange(columns), rows)
        done, next_place, seen = begin + merged, start + max(rows, columns), seen + merged
    places_4T[1:, done:] = np.arange(next_place, next_place + len(tokens_T) - done)
    return places_4T
