"""What the knowledge classifier sees of a picture: cheap features of a small copy, or a model's vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.drawing_features import SIDE_PX, drawing_features
from annotators.knowledge_head import DRAWING, EMBEDDING, Reads
from annotators.small_rgb import small_rgb
from schemas.errors import BadSample

MOST_MPX = 200.0


class Seeing(Struct, frozen=True):
    """What a head reads, the digests of the model's weights where it is vectors, and what makes features of bytes: None
    for a picture that cannot be decoded."""

    reads: Reads
    encoder: str
    features: Callable[[bytes], NDArray[np.float64] | None]


def drawn_of(data: bytes, most_mpx: float = MOST_MPX) -> NDArray[np.float64] | None:
    """Return the features of a picture, None where it cannot be decoded."""
    try:
        return drawing_features(small_rgb(data, SIDE_PX, most_mpx))
    except BadSample:
        return None


@contextmanager
def seeing(encoder: str) -> Iterator[Seeing]:
    """Open what makes features; `encoder` is the folder of an open_clip checkpoint, empty for the cheap ones."""
    if not encoder:
        yield Seeing(DRAWING, "", drawn_of)
        return
    from annotators.relevance import Relevance, encoded_pictures

    model = Relevance().given(encoder)
    digests = " ".join(model.weights())
    loaded = model.loaded()

    def vector_of(data: bytes) -> NDArray[np.float64] | None:
        [vector_D] = encoded_pictures(loaded, [data], model.device, MOST_MPX)
        return np.array(vector_D) if any(vector_D) else None

    yield Seeing(EMBEDDING, digests, vector_of)
