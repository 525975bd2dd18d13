"""An encoding for tests of the loader, plain enough to be followed by hand: a token a letter, four patches a picture of
up to 64 pixels and so on; a caption is what is predicted."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow

from schemas.errors import BadSample
from schemas.form import caption_of
from schemas.sample import Image, Sample
from trainer.documents.document import Document
from trainer.documents.encoding import Contents, Encoding
from trainer.documents.length import Length

PIXELS = 32


def grid(width: int, height: int) -> tuple[int, int]:
    if max(width, height) > 200 * min(width, height):
        raise BadSample("aspect_over_200", f"{width} x {height}")
    return max(1, height // PIXELS), max(1, width // PIXELS)


def grids(sample: Sample) -> list[tuple[int, int]]:
    return [grid(part.width_px, part.height_px) for _, part in sample.media() if isinstance(part, Image)]


def length(sample: Sample, contents: Contents) -> Length:
    counts = [rows * columns for rows, columns in grids(sample)]
    letters = len(caption_of(sample))
    patches = 4 * sum(counts)
    return Length(
        "caption" if counts else "text", sum(counts) + letters + 1, letters, patches, sum(16 * n * n for n in counts)
    )


def encode(sample: Sample, contents: Sequence[bytes]) -> Document:
    found = grids(sample)
    values = []
    for (rows, columns), content in zip(found, contents, strict=True):
        try:
            with Pillow.open(io.BytesIO(content)) as picture:
                small = np.asarray(picture.convert("L").resize((2 * columns, 2 * rows)), np.uint8)
        except OSError as error:
            raise BadSample("unreadable_picture", str(error)) from None
        values.append(np.repeat(small.reshape(-1, 1), 1176, axis=1))
    caption = caption_of(sample)
    tokens = [1] * sum(rows * columns for rows, columns in found) + [2] + [ord(letter) for letter in caption]
    return Document(
        sample.key,
        "caption" if found else "text",
        np.array(tokens, np.int32),
        np.array([token > 2 for token in tokens]),
        np.array([(1, 2 * rows, 2 * columns) for rows, columns in found], np.int64).reshape(-1, 3),
        np.concatenate(values) if values else np.zeros((0, 1176), np.uint8),
    )


PLAIN = Encoding("plain", length, encode)

BROKEN = {"caption 3", "caption 8", "caption 9", "caption 20"}


def breaks_some(sample: Sample, contents: Sequence[bytes]) -> Document:
    if caption_of(sample) in BROKEN:
        raise ValueError("broken")
    return encode(sample, contents)
