"""A picture made ready to be measured: small, upright, RGB, the same whatever format it came in."""

from __future__ import annotations

from math import isqrt

import numpy as np
from PIL import Image, ImageOps

MOST_PIXELS = 4_000_000


def upright_rgb(picture: Image.Image, side_px: int, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Return the first frame as RGB with its shorter side at `side_px` where it was longer.

    It is turned as EXIF asks, transparency lies on white, 16 bits are cut to 8. It is shrunk by a whole factor before
    anything else is made of it, so that a picture takes little more memory than its decode, and then to the very
    side, so that measures do not depend on the scale at which a format was decoded. A picture of extreme aspect is
    shrunk to `most_pixels` at the least.
    """
    picture = _eight_bits(picture)
    factor = max(min(picture.size) // side_px, isqrt(picture.width * picture.height // most_pixels))
    if factor > 1:
        picture = picture.reduce(factor)
    picture = ImageOps.exif_transpose(_on_white(picture))
    width, height = picture.size
    shorter = min(width, height)
    if shorter > side_px:
        size = (max(1, round(width * side_px / shorter)), max(1, round(height * side_px / shorter)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return a picture of 8-bit channels that can be averaged: no palette, no 16 or 32 bits."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode == "I":
        return Image.fromarray(np.clip(np.asarray(picture) >> 8, 0, 255).astype(np.uint8))
    if "transparency" in picture.info or picture.mode in ("PA", "LA", "La", "RGBa"):
        return picture.convert("RGBA")
    return picture if picture.mode in ("RGB", "RGBA", "L") else picture.convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    flat = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    flat.info.update(picture.info)
    return flat
