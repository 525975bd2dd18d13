"""A picture's bytes as a small upright copy: what its hashes and its colours are measured on."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from annotators.header import PILLOW_RAISES
from annotators.upright import upright_rgb
from schemas.errors import BadSample

Image.MAX_IMAGE_PIXELS = None


def small_rgb(data: bytes, side_px: int, most_mpx: float) -> Image.Image:
    """Decode a picture to a copy whose shorter side is `side_px` where it was longer.

    JPEG is decoded at the smallest of its scales that leaves that much. Raises BadSample, before decoding for a picture
    of more than `most_mpx` million pixels.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")
            if picture.width * picture.height > most_mpx * 1e6:
                raise BadSample("too_many_pixels", f"{picture.width} x {picture.height}")
            picture.draft("RGB", (side_px, side_px))
            picture.load()
            return upright_rgb(picture, side_px)
    except PILLOW_RAISES as error:
        raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None
