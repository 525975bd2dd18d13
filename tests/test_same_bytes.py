"""The same frames become the same bytes, however often they are encoded: keys and digests hang on it."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from annotators.desk.label_studio.proxy import make_proxy
from pipelines.export.spans.clip_encode import encoded
from pipelines.export.spans.clip_index import index
from pipelines.ingest.drawn_clips import Drawing, Piece, draw
from pipelines.ingest.photographs import photographs_folder

TIMES = 40
DRAWING = Drawing(
    "small", (Piece("roll_clockwise", 30), Piece("tilt_up", 20, 1)), rate=(10, 1), size=(96, 64), between=2, start=5
)
PHOTOS = [
    np.asarray(Image.open(os.path.join(photographs_folder(), name)).convert("RGB"))
    for name in ("rocket.jpg", "coffee.png")
]


def drawn() -> bytes:
    return draw(DRAWING, PHOTOS).content


@pytest.fixture(scope="module")
def clip() -> bytes:
    return drawn()


def test_a_clip_is_drawn_to_the_same_bytes(clip: bytes) -> None:
    assert {drawn() for _ in range(TIMES)} == {clip}


def test_a_span_is_encoded_to_the_same_bytes(clip: bytes) -> None:
    indexed = index(clip, "mp4")
    assert len({encoded(indexed, range(3, 45)) for _ in range(TIMES)}) == 1


def test_a_proxy_is_made_of_the_same_bytes(clip: bytes) -> None:
    assert len({make_proxy(clip, "mp4").content for _ in range(TIMES)}) == 1
