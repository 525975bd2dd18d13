"""PaddleOCR's finder and reader at work on one picture: where lines stand, and what they say.

They are PaddleOCR's own two models, crops and batches, so that an ordinary picture is read as bare PaddleOCR reads it.
Three things are added. A long picture is looked at in strips (strips.py). A line that is too long for the reader's
widest input, into which PaddleOCR squeezes it, is read in pieces, cut where it is emptiest. And a line that is read
with doubt is read again turned by half, and that reading stands where it is surer and has three letters: of numbers
and single letters it tells nothing, since the reader is sure of them either way up ("80.91" is "16.08"). PaddleOCR's
own step for that needs a third model, which no package ships. It costs a reading for each doubtful line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.strips import Corners, joined, strips

LONGEST_PX = 32_000
"""The longest side of a picture: OpenCV and PaddleOCR's corners count in 16 bits with a sign."""

DOUBTFUL = 0.9
LEAST_LETTERS = 3

_FINDS = {"limit_type": "max", "thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5}
_READS_AT_ONCE = 6
_LONGEST_RATIO = 3200 / 48
_GAP_RATIO = 0.3
_UPRIGHT_RATIO = 1.5

Bgr = NDArray[np.uint8]
"""Height, width, and blue, green, red."""


class Line(Struct, frozen=True):
    """A line with its corners in pixels, clockwise from the top left of what is written."""

    corners: Corners
    text: str
    score: float


class Engine:
    """Both models on one thread; `models`: their names and folders, `side_px`: what a longer picture is shrunk to."""

    def __init__(self, models: dict[str, str], side_px: int) -> None:
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
        from paddleocr import TextDetection, TextRecognition
        from paddlex.inference.pipelines.components import CropByPolys

        threads = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
        how: dict[str, Any] = {"device": "cpu", "engine": "onnxruntime", "engine_config": threads}
        self._side_px = side_px
        self._finder = TextDetection(**_of(models, "text_detection_"), limit_side_len=side_px, **_FINDS, **how)
        self._reader = TextRecognition(**_of(models, "text_recognition_"), **how)
        self._crop = CropByPolys(det_box_type="quad")

    def lines(self, picture: Bgr) -> list[Line]:
        """Return the lines of a picture, in no order to rely on."""
        height_px, width_px = picture.shape[:2]
        looked_at = strips(width_px, height_px, self._side_px)
        quads = joined([(strip, self._found(picture, strip)) for strip in looked_at])
        crops = [self._crop(picture, [quad.astype(np.float32)])[0] for quad in quads]
        there = [(_as_cropped(quad), crop) for quad, crop in zip(quads, crops, strict=True) if crop.size]
        return self._read_either_way(there)

    def try_both(self) -> None:
        """Find and read on a blank picture; raises whatever PaddleOCR raises over models that do not work."""
        blank = np.full((64, 64, 3), 255, np.uint8)
        self._found(blank, (0, 0, 64, 64))
        self._read([blank])

    def _found(self, picture: Bgr, strip: tuple[int, int, int, int]) -> list[Corners]:
        left, top, right, bottom = strip
        [found] = self._finder.predict(np.ascontiguousarray(picture[top:bottom, left:right]))
        return [np.add(quad, (left, top), dtype=np.float64) for quad in found["dt_polys"]]

    def _read_either_way(self, there: Sequence[tuple[Corners, Bgr]]) -> list[Line]:
        read = [
            Line(quad, text, score)
            for (quad, _), (text, score) in zip(there, self._read([crop for _, crop in there]), strict=True)
        ]
        doubtful = [at for at, line in enumerate(read) if line.score < DOUBTFUL]
        turned = self._read([np.rot90(there[at][1], 2) for at in doubtful])
        for at, (text, score) in zip(doubtful, turned, strict=True):
            if score > read[at].score and sum(map(str.isalpha, text)) >= LEAST_LETTERS:
                read[at] = Line(np.roll(read[at].corners, -2, axis=0), text, score)
        return read

    def _read(self, crops: Sequence[Bgr]) -> list[tuple[str, float]]:
        """Return text and confidence of each crop, the mean over its characters."""
        pieces = [(at, piece) for at, crop in enumerate(crops) for piece in _pieces(crop)]
        read: list[list[tuple[str, float]]] = [[] for _ in crops]
        for (at, _), said in zip(pieces, self._read_pieces([piece for _, piece in pieces]), strict=True):
            read[at].append(said)
        return [_one(said) for said in read]

    def _read_pieces(self, pieces: Sequence[Bgr]) -> list[tuple[str, float]]:
        """Read in PaddleOCR's batches: of pieces of much the same shape, since a batch is padded to its widest."""
        by_shape = sorted(range(len(pieces)), key=lambda at: pieces[at].shape[1] / pieces[at].shape[0])
        said = [("", 0.0)] * len(pieces)
        if by_shape:
            read = self._reader.predict(
                [np.ascontiguousarray(pieces[at]) for at in by_shape], batch_size=_READS_AT_ONCE
            )
            for at, one in zip(by_shape, read, strict=True):
                said[at] = str(one["rec_text"]), float(one["rec_score"])
        return said


def _of(models: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in models.items() if name.startswith(prefix)}


def _as_cropped(quad: Corners) -> Corners:
    """Return the corners from where the crop begins: PaddleOCR lays what stands upright on its left side."""
    above, right, below, left = (float(np.linalg.norm(quad[at] - quad[(at + 1) % 4])) for at in range(4))
    return np.roll(quad, -1, axis=0) if max(left, right) >= _UPRIGHT_RATIO * max(above, below) else quad


def _pieces(crop: Bgr) -> Iterator[Bgr]:
    """Yield a line in pieces that the reader takes unsqueezed."""
    height, width = crop.shape[:2]
    longest, start = int(_LONGEST_RATIO * height), 0
    if width > longest:
        box = max(1, round(_GAP_RATIO * height))
        ink = np.convolve(crop.std(axis=0).mean(axis=-1), np.ones(box), "same")
        while width - start > longest:
            half = start + longest // 2
            cut = half + int(ink[half : start + longest].argmin())
            yield crop[:, start:cut]
            start = cut
    yield crop[:, start:]


def _one(said: Sequence[tuple[str, float]]) -> tuple[str, float]:
    if len(said) == 1:
        return said[0]
    characters = sum(len(text) for text, _ in said)
    score = sum(len(text) * score for text, score in said) / characters if characters else 0.0
    return " ".join(text.strip() for text, _ in said if text.strip()), score
