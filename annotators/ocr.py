"""OCR: the text in a picture, line by line, each with the four corners around it, by PaddleOCR.

The picture is seen upright and on white, whatever its mode; corners are given in pixels as stored. What lies where is
found on a copy whose longer side is `side_px` where it was longer, so very small text of a very large picture is not
found; what was found is read at full size. A long picture is looked at in strips (strips.py), lines are told in reading
order (reading_order.py). A picture's notes come from that picture alone.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
from msgspec import structs
from PIL import Image

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.header import PILLOW_RAISES
from annotators.ocr_engine import LONGEST_PX, Engine
from annotators.ocr_models import Models
from annotators.reading_order import reading_order
from annotators.stored_pixels import ON_ITS_SIDE, as_stored, stored_point
from annotators.strips import LONG, Corners
from annotators.upright import MOST_PIXELS, upright_rgb
from schemas.errors import BadSample
from schemas.note import Note, Noted, Quad
from schemas.vocabulary.scene_text import (
    SCENE_TEXT,
    SCENE_TEXT_BOXES,
    SCENE_TEXT_CONFIDENCE,
    SCENE_TEXT_CONFIDENCES,
    SCENE_TEXT_HEIGHTS_PX,
    SCENE_TEXTS,
)

_AS_IT_IS = 1 << 30
_DECIMALS = 4


class Ocr(Annotator, frozen=True):
    """Writes every line that is found; which of them count is for a filter to say.

    `folder`: models other than the extra's. Pictures of more than `most_mpx` million pixels fail.
    """

    folder: str = ""
    side_px: int = 960
    most_mpx: float = 200.0

    writes: ClassVar = (SCENE_TEXTS, SCENE_TEXT_CONFIDENCES, SCENE_TEXT_HEIGHTS_PX, SCENE_TEXT_BOXES)
    places: ClassVar = (SCENE_TEXT, SCENE_TEXT_CONFIDENCE)
    made_with: ClassVar = ("paddleocr", "paddlex", "onnxruntime", "shapely", "pillow")
    extra: ClassVar = "ocr"
    version: ClassVar = 2

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=600.0, memory_mib=4096)

    def given(self, weights: str) -> Ocr:
        return structs.replace(self, folder=os.path.abspath(weights))

    def identity(self) -> Ocr:
        return structs.replace(self, folder="")

    def weights(self) -> tuple[str, ...]:
        """Return the digests of both models; raises BadInput where one is missing."""
        return Models(self.folder).digests()

    @contextmanager
    def open(self) -> Iterator[Look]:
        with Models(self.folder).opened() as models:
            engine = Engine(models, self.side_px)

            def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
                return [self._said(engine, subject) for subject in subjects]

            yield look

    def _said(self, engine: Engine, subject: Subject) -> Noted | BadSample:
        part = next(place for place, media in subject.sample.media() if media is subject.picture())
        try:
            return self._read(engine, part, subject.content())
        except BadSample as bad:
            return bad

    def _read(self, engine: Engine, part: int, data: bytes) -> Noted:
        orientation, stored_size, upright = self._decode(data)
        sides_px = stored_size[::-1] if orientation in ON_ITS_SIDE else stored_size
        scales = sides_px[0] / upright.width, sides_px[1] / upright.height
        lines = [
            (_corners(line.corners, scales), line.text, round(line.score, _DECIMALS))
            for line in engine.lines(np.asarray(upright)[:, :, ::-1].copy())
        ]
        lines = [lines[at] for at in reading_order([_box(corners) for corners, *_ in lines])]
        notes: list[Note] = []
        for corners, text, score in lines:
            stored = [stored_point(orientation, *stored_size, corner) for corner in corners]
            at = Quad(part, (stored[0], stored[1], stored[2], stored[3]))
            notes += [Note("scene_text", text, at), Note("scene_text_confidence", score, at)]
        return Noted(
            {
                "scene_texts": [text for _, text, _ in lines],
                "scene_text_boxes": [share for corners, *_ in lines for share in _shares(corners, sides_px)],
                "scene_text_confidences": [score for *_, score in lines],
                "scene_text_heights_px": [_height_px(corners) for corners, *_ in lines],
            },
            tuple(notes),
        )

    def _decode(self, data: bytes) -> tuple[int, tuple[int, int], Image.Image]:
        """Return the orientation, width and height as stored, and the upright picture."""
        try:
            with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
                warnings.simplefilter("ignore")
                if picture.width * picture.height > self.most_mpx * 1e6:
                    raise BadSample("too_many_pixels", f"{picture.width} x {picture.height}")
                orientation, stored_size = as_stored(picture)
                picture.load()
                return orientation, stored_size, _upright(picture)
        except PILLOW_RAISES as error:
            raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None


def _upright(picture: Image.Image) -> Image.Image:
    """Return it for the engine: a long one with more of its pixels, since its strips are looked at one by one."""
    long = max(picture.size) > LONG * min(picture.size)
    upright = upright_rgb(picture, _AS_IT_IS, MOST_PIXELS * (4 if long else 1))
    upright.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.LANCZOS)
    return upright


def _corners(quad: Corners, scales: tuple[float, float]) -> list[tuple[float, float]]:
    return [(round(float(x) * scales[0], 1), round(float(y) * scales[1], 1)) for x, y in quad]


def _box(corners: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    across, down = zip(*corners, strict=True)
    return min(across), min(down), max(across), max(down)


def _shares(corners: Sequence[tuple[float, float]], sides_px: Sequence[int]) -> list[float]:
    """Return left, top, right and bottom of a line as shares of the picture's sides."""
    left, top, right, bottom = _box(corners)
    shares = left / sides_px[0], top / sides_px[1], right / sides_px[0], bottom / sides_px[1]
    return [round(min(max(share, 0.0), 1.0), _DECIMALS) for share in shares]


def _height_px(corners: Sequence[tuple[float, float]]) -> float:
    """Return how high a line is written: the mean length of its two sides."""
    (a, b, c, d) = (np.array(corner) for corner in corners)
    return round(float(np.linalg.norm(a - d) + np.linalg.norm(b - c)) / 2, 1)
