"""Pictures as patches: at their own size and aspect, rounded to whole merged tokens and held within a budget.

Patches are grey levels, those of transformers' Pillow processor before it rescales them (trainer/model/normalised.py
does that where they are packed); its torchvision one differs by two of them at the most. Shapes: F frames (two: a
picture is shown twice), H height and W width in pixels, C channels, P patches, D values of one.
"""

from __future__ import annotations

import io
import math
import struct

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageOps

from schemas.errors import BadSample
from trainer.documents.grid import FRAMES, MERGED_SIDE, PATCH_PX, TOKEN_PX, UNIT_PX

MOST_ASPECT = 200

Image.MAX_IMAGE_PIXELS = None

PILLOW_RAISES = (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error, MemoryError)


class PictureRule(Struct, frozen=True):
    """What a picture may cost, in merged tokens; one of more than `most_mpx` million pixels is not decoded at all."""

    least_tokens: int = 8
    most_tokens: int = 6144
    most_mpx: float = 200.0


def fit(frames: int, height_px: int, width_px: int, least_tokens: int, most_tokens: int) -> tuple[int, int]:
    """Return the height and width in pixels that a picture, or a clip of so many frames, is resized to.

    A side below one token is scaled up first, which the paper's own text would have refused; only then is an aspect
    over MOST_ASPECT. Raises BadSample for one.
    """
    if min(height_px, width_px) < 1:
        raise BadSample("no_pixels", f"{width_px} x {height_px}")
    if min(height_px, width_px) < TOKEN_PX:
        factor = max(TOKEN_PX / height_px, TOKEN_PX / width_px)
        height_px, width_px = int(height_px * factor), int(width_px * factor)
    aspect = max(height_px, width_px) / min(height_px, width_px)
    if aspect > MOST_ASPECT:
        raise BadSample("aspect_over_200", f"{width_px} x {height_px}")
    sides = [round(side / TOKEN_PX) * TOKEN_PX for side in (height_px, width_px)]
    volume = round(frames / FRAMES) * FRAMES * math.prod(sides)
    least_px, most_px = least_tokens * UNIT_PX, most_tokens * UNIT_PX
    if volume > most_px:
        shrink = math.sqrt(frames * height_px * width_px / most_px)
        sides = [max(TOKEN_PX, math.floor(side / shrink / TOKEN_PX) * TOKEN_PX) for side in (height_px, width_px)]
    elif volume < least_px:
        grow = math.sqrt(least_px / (frames * height_px * width_px))
        sides = [math.ceil(side * grow / TOKEN_PX) * TOKEN_PX for side in (height_px, width_px)]
    return sides[0], sides[1]


def grid_of(height_px: int, width_px: int, rule: PictureRule) -> tuple[int, int]:
    """Return a picture's height and width in patches; turning it by a right angle turns them. Raises BadSample."""
    if height_px * width_px > rule.most_mpx * 1e6:
        raise BadSample("too_many_pixels", f"{width_px} x {height_px}, more than {rule.most_mpx:g} million")
    height, width = fit(FRAMES, height_px, width_px, rule.least_tokens, rule.most_tokens)
    return height // PATCH_PX, width // PATCH_PX


def size_of(content: bytes) -> tuple[int, int]:
    """Return width and height in pixels from a picture's header, as stored; raises BadSample."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return picture.size
    except PILLOW_RAISES as error:
        raise BadSample("unreadable_picture", f"{type(error).__name__}: {error}") from None


def picture_patches(content: bytes, rule: PictureRule) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """Decode a picture, turn it as EXIF asks, and return its grid and patches; raises BadSample."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            grid_of(opened.height, opened.width, rule)
            picture = rgb(ImageOps.exif_transpose(opened))
    except PILLOW_RAISES as error:
        raise BadSample("unreadable_picture", f"{type(error).__name__}: {error}") from None
    grid = grid_of(picture.height, picture.width, rule)
    return grid, patchify(resized(picture, grid)[None])


def rgb(picture: Image.Image) -> Image.Image:
    """Return the first frame as RGB: transparency on white, 16 bits cut to 8."""
    if picture.mode.startswith("I"):
        grey = np.asarray(picture)
        return Image.fromarray(np.clip(grey >> 8, 0, 255).astype(np.uint8)).convert("RGB")
    if "A" in picture.getbands() or "a" in picture.getbands() or picture.info.get("transparency") is not None:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def resized(picture: Image.Image, grid: tuple[int, int]) -> NDArray[np.uint8]:
    """Return [H, W, C]: the picture at its grid's size."""
    height, width = grid
    return np.asarray(picture.resize((width * PATCH_PX, height * PATCH_PX), Image.Resampling.BICUBIC))


def patchify(frames_FHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return [P, D]: the patches of a merged token side by side; levels by channel, frame, row, column.

    Two frames are a slice; one is a picture and shown twice.
    """
    frames, height, width, channels = frames_FHWC.shape
    levels_CFHW = np.ascontiguousarray(frames_FHWC.transpose(3, 0, 1, 2))
    split = levels_CFHW.reshape(
        channels, frames, height // TOKEN_PX, MERGED_SIDE, PATCH_PX, width // TOKEN_PX, MERGED_SIDE, PATCH_PX
    )
    laid = split.transpose(2, 5, 3, 6, 0, 1, 4, 7).reshape(-1, channels, frames, PATCH_PX * PATCH_PX)
    patches = np.empty((len(laid), channels, FRAMES, PATCH_PX * PATCH_PX), np.uint8)
    patches[:] = laid
    return patches.reshape(len(patches), -1)
