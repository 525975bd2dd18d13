"""Pixels: perceptual hash, share of the most common colour, spread and sharpness, from a small copy.

Everything is measured on a copy whose shorter side is `side_px`, so that a number means the same for every size and
format. JPEG is decoded at the smallest of its 1/8 .. 1/1 scales that leaves that much, which costs little more than its
Huffman codes. The hash is the usual pHash (32x32 luma, DCT-II, the 8x8 lowest frequencies against their
median) in whole numbers, so that no linear algebra library can tip a bit.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from annotators.annotator import Annotator, Subject
from annotators.small_rgb import small_rgb
from schemas.note import Noted
from schemas.vocabulary.pictures import CHANNEL_STD, PHASH, SHARPNESS, TOP_COLOUR_SHARE

_HASH_SIDE, _LOW = 32, 8
_DCT_8x32 = np.rint(
    4096 * np.cos(np.pi * np.arange(_LOW)[:, None] * (2 * np.arange(_HASH_SIDE)[None, :] + 1) / (2 * _HASH_SIDE))
).astype(np.int64)


class Pixels(Annotator, frozen=True):
    """Refuses, before decoding, a picture of more than `most_mpx` million pixels."""

    side_px: int = 128
    most_mpx: float = 200.0

    writes: ClassVar = (PHASH, TOP_COLOUR_SHARE, CHANNEL_STD, SHARPNESS)
    made_with: ClassVar = ("pillow", "numpy")

    def look(self, subject: Subject) -> Noted:
        rgb = small_rgb(subject.content(), self.side_px, self.most_mpx)
        luma_HW = np.asarray(rgb.convert("L"), dtype=np.float64)
        rgb_HWC = np.asarray(rgb)
        return Noted(
            {
                "phash": perceptual_hash(rgb),
                "top_colour_share": top_colour_share(rgb_HWC),
                "channel_std": round(float(rgb_HWC.std(axis=(0, 1)).max()), 6),
                "sharpness": round(laplacian_variance(luma_HW), 6),
            }
        )


def perceptual_hash(rgb: Image.Image) -> int:
    """Return the 64-bit pHash of a picture, the lowest frequency in the highest bit."""
    small = rgb.convert("L").resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.LANCZOS)
    luma_32x32 = np.asarray(small, dtype=np.int64)
    low_8x8: NDArray[np.int64] = _DCT_8x32 @ luma_32x32 @ _DCT_8x32.T
    bits = (low_8x8 > np.median(low_8x8)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def top_colour_share(rgb_HWC: NDArray[np.uint8]) -> float:
    """Return the share of the most common colour, colours at 5 bits a channel so that JPEG's noise does not count."""
    five = (rgb_HWC >> 3).astype(np.uint32)
    colours = (five[..., 0] << 10) | (five[..., 1] << 5) | five[..., 2]
    return round(float(np.bincount(colours.ravel()).max() / colours.size), 6)


def laplacian_variance(luma_HW: NDArray[np.float64]) -> float:
    """Return the variance of the four-neighbour Laplacian; 0 where a side is under 3 px."""
    if min(luma_HW.shape) < 3:
        return 0.0
    middle = luma_HW[1:-1, 1:-1]
    around = luma_HW[:-2, 1:-1] + luma_HW[2:, 1:-1] + luma_HW[1:-1, :-2] + luma_HW[1:-1, 2:]
    return float((around - 4 * middle).var())
