"""A picture with what was noted on places drawn on it: boxes and quads, with what they say."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from annotators.stored_pixels import as_stored, upright_point
from annotators.upright import upright_rgb
from schemas.note import Box, Note, Quad

LINE, PAPER, INK = (214, 39, 40), (255, 255, 255), (20, 20, 20)
LEAST_SIDE_PX = 720
MOST_ABOVE = 12
_AS_IT_IS = 1 << 30

Corners = tuple[tuple[float, float], ...]


def drawn(data: bytes, notes: Sequence[Note]) -> Image.Image:
    """Return the picture of these bytes, upright, with its notes on boxes and quads; notes on one place share a label.

    A small picture is enlarged first, so that labels can be read. Where there are more than a dozen places, labels
    stand on a page beside the picture, which they would cover.
    """
    with Image.open(io.BytesIO(data)) as picture:
        orientation, stored_size = as_stored(picture)
        picture.load()
        upright = upright_rgb(picture, _AS_IT_IS)
    enlarged = max(1, -(-LEAST_SIDE_PX // max(upright.size)))
    if enlarged > 1:
        upright = upright.resize((upright.width * enlarged, upright.height * enlarged), Image.Resampling.BICUBIC)
    scale = max(upright.size) / max(stored_size)
    labels: dict[Corners, list[str]] = {}
    for note in notes:
        if stored := _corners(note):
            turned = [upright_point(orientation, *stored_size, corner) for corner in stored]
            labels.setdefault(tuple((x * scale, y * scale) for x, y in turned), []).append(_label(note))
    return _labelled(upright, labels) if len(labels) <= MOST_ABOVE else _beside(upright, labels)


def _labelled(picture: Image.Image, labels: dict[Corners, list[str]]) -> Image.Image:
    """Return the picture with each label above its place."""
    pen, size_px = ImageDraw.Draw(picture), max(11, max(picture.size) // 80)
    font = ImageFont.load_default(size_px)
    _outline(pen, labels, size_px)
    for corners, said in labels.items():
        left, top = min(x for x, _ in corners), min(y for _, y in corners)
        width = pen.textbbox((0, 0), " ".join(said), font=font)[2]
        x, y = min(left, max(0, picture.width - width)), max(0, top - size_px - 3)
        pen.rectangle((x, y, x + width + 2, y + size_px + 3), fill=PAPER)
        pen.text((x, y), " ".join(said), fill=INK, font=font)
    return picture


def _beside(picture: Image.Image, labels: dict[Corners, list[str]]) -> Image.Image:
    """Return the picture and, beside it, a page with each label where its place is, as large as the place allows."""
    both = Image.new("RGB", (2 * picture.width, picture.height), PAPER)
    both.paste(picture, (0, 0))
    pen, size_px = ImageDraw.Draw(both), max(11, max(picture.size) // 80)
    _outline(pen, labels, size_px)
    for corners, said in labels.items():
        left, top = min(x for x, _ in corners), min(y for _, y in corners)
        right, bottom = max(x for x, _ in corners), max(y for _, y in corners)
        text = " ".join(said)
        fits = (bottom - top) * 0.8, 1.6 * (right - left) / max(1, len(text))
        pen.text((left + picture.width, top), text, fill=INK, font=ImageFont.load_default(max(9, min(fits))))
    return both


def _outline(pen: ImageDraw.ImageDraw, labels: dict[Corners, list[str]], size_px: int) -> None:
    for corners in labels:
        pen.polygon(corners, outline=LINE, width=max(1, size_px // 8))


def _corners(note: Note) -> Corners:
    at = note.at
    if isinstance(at, Quad):
        return at.corners_px
    if isinstance(at, Box):
        left, top, right, bottom = at.left_px, at.top_px, at.right_px, at.bottom_px
        return (left, top), (right, top), (right, bottom), (left, bottom)
    return ()


def _label(note: Note) -> str:
    return f"{note.value:.2f}" if isinstance(note.value, float) else str(note.value)
