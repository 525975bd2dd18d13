"""The photographs that duels are fought over: COCO's where the sample data is there, else those of scikit-image."""

from __future__ import annotations

import io
import os
from functools import cache
from glob import glob

from PIL import Image

from pipelines.ingest.photographs import photographs_folder

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.environ.get("OSTRAKA_DATA", os.path.join(HERE, "..", "..", "shared", "data"))


@cache
def photographs() -> tuple[bytes, ...]:
    """Return JPEG files, byte for byte as they came; scikit-image's are saved as JPEG, 640 pixels wide, quality 90."""
    paths = sorted(glob(os.path.join(DATA, "image_caption", "coco_mini", "**", "*.jpg"), recursive=True))
    if paths:
        return tuple(_read(path) for path in paths)
    shipped = sorted(glob(os.path.join(photographs_folder(), "*.[jp][pn]g")))
    return tuple(resaved(_read(path), 640) for path in shipped)


@cache
def large_photographs(width_px: int = 1280) -> tuple[bytes, ...]:
    """Return the photographs at 1280 pixels across (a million and more of them), saved again at quality 90."""
    return tuple(resaved(photograph, width_px) for photograph in photographs()[:80])


def origin() -> str:
    """Say what the photographs are."""
    known = "COCO photographs, untouched" if os.path.isdir(DATA) else "photographs that scikit-image ships"
    size_kb = sum(map(len, photographs())) / len(photographs()) / 1000
    return f"{len(photographs())} {known}, {size_kb:.0f} kB on average"


def resaved(photograph: bytes, width_px: int, quality: int = 90) -> bytes:
    """Return a photograph with this width as JPEG."""
    with Image.open(io.BytesIO(photograph)) as picture:
        size = (width_px, max(1, round(picture.height * width_px / picture.width)))
        out = io.BytesIO()
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
    return out.getvalue()


def marked(photograph: bytes, number: int) -> bytes:
    """Return the same picture as a file of its own: a JPEG comment with a number stands behind its first two bytes."""
    comment = b"%08d" % number
    return photograph[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photograph[2:]


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
