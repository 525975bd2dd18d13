"""Layout: the tokens of a document, once it is known how large its pictures and clips will be.

Encoding and counting both come through here, so that a length is the length of what will be trained on and not an
estimate. Shapes: T tokens, N pictures or slices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.sample import Sample
from trainer.documents import special
from trainer.documents.clip_frames import Looked
from trainer.documents.codec import Codec
from trainer.documents.grid import MERGED_SIDE
from trainer.documents.template import Form, Piece, pieces_of
from trainer.documents.tokens import Tokens

Medium = tuple[int, int] | Looked
"""A picture's grid in patches, or what is looked at of a clip."""

MAY_STAND = frozenset({special.BEGIN_BOX, special.END_BOX, special.NO_THINK})
"""Special names that a sample's words may spell: a result's marks and a wish not to think, which open nothing."""


class Layout(NamedTuple):
    """The tokens, which of them are targets, and the grids of the pictures among them."""

    tokens_T: NDArray[np.int32]
    is_target_T: NDArray[np.bool_]
    grids_N3: NDArray[np.int64]


def lay_out(sample: Sample, codec: Codec, media: Mapping[int, Medium]) -> Layout:
    """Return a sample's layout, its media by their places among the parts; raises BadSample."""
    tokens: list[int] = []
    targets: list[bool] = []
    for piece in pieces_of(sample, codec.family):
        run = piece_tokens(piece, codec.tokens, media)
        tokens += run
        targets += [piece.is_target] * len(run)
    grids = [grid for place in sorted(media) for grid in grids_of(media[place])]
    return Layout(
        np.array(tokens, np.int32), np.array(targets, np.bool_), np.array(grids, np.int64).reshape(len(grids), 3)
    )


def piece_tokens(piece: Piece, tokens: Tokens, media: Mapping[int, Medium]) -> list[int]:
    """Return the tokens of one piece; its words spell no special name but those of MAY_STAND."""
    match piece.form:
        case Form.WORDS:
            return tokens.encode(piece.said, MAY_STAND)
        case Form.SPECIAL:
            return [tokens.id(piece.said)]
        case Form.MEDIA:
            return medium_tokens(media[piece.place], tokens)


def grids_of(medium: Medium) -> list[tuple[int, int, int]]:
    """Return the grids of a picture (one) or of a clip's slices."""
    if isinstance(medium, Looked):
        return [(1, *medium.grid)] * len(medium.seconds)
    return [(1, *medium)]


def medium_tokens(medium: Medium, tokens: Tokens) -> list[int]:
    """Return the tokens of a picture; of a clip, each slice as a picture with its second after it."""
    if not isinstance(medium, Looked):
        return _picture(medium, tokens)
    found = [tokens.id(special.BEGIN_VIDEO)]
    for second in medium.seconds:
        found += [*_picture(medium.grid, tokens), *tokens.encode(str(second))]
    return [*found, tokens.id(special.END_VIDEO)]


def _picture(grid: tuple[int, int], tokens: Tokens) -> list[int]:
    merged = grid[0] * grid[1] // MERGED_SIDE**2
    return [tokens.id(special.BEGIN_IMAGE), *[tokens.id(special.IMAGE)] * merged, tokens.id(special.END_IMAGE)]
