"""A pen for sheets: words that keep to the room they have, boxes, outlines and signs, in Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from pipelines.query.films.motion_signs import draw_sign
from schemas.camera import PRIMITIVES
from schemas.errors import BadInput


class Pen:
    """Draws on a sheet; words are cut to the room that they have."""

    def __init__(self, sheet: Image.Image, font: str) -> None:
        self._sheet, self._pen, self._font = sheet, ImageDraw.Draw(sheet), font
        self._fonts: dict[int, Any] = {}

    def write(
        self, at: tuple[float, float], words: str, colour: tuple[int, int, int], size_px: int, room: float
    ) -> None:
        """Write words that end, where the room does, in three dots; nothing where there is no room for one letter."""
        font = self._sized(size_px)
        words = " ".join(words.split())
        if font.getlength(words) > room:
            while words and font.getlength(f"{words}...") > room:
                words = words[:-1]
            words = f"{words}..." if words else ""
        self._pen.text(at, words, fill=colour, font=font)

    def paste(self, picture: Image.Image, at: tuple[int, int]) -> None:
        """Lay a picture on the sheet."""
        self._sheet.paste(picture, at)

    def outline(self, corners: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> None:
        """Draw a polygon's outline."""
        self._pen.polygon(corners, outline=colour, width=2)

    def box(self, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
        """Fill a box."""
        self._pen.rectangle(box, fill=colour)

    def line(self, line: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
        """Draw a line."""
        self._pen.line(line, fill=colour)

    def sign(self, motion: str, at: tuple[float, float], side_px: int, colour: tuple[int, int, int]) -> bool:
        """Draw a motion's sign; return whether it has one."""
        return motion in PRIMITIVES and draw_sign(self._pen, motion, at, side_px, colour)

    def _sized(self, size_px: int) -> Any:
        if size_px not in self._fonts:
            try:
                self._fonts[size_px] = (
                    ImageFont.truetype(self._font, size_px) if self._font else ImageFont.load_default(size_px)
                )
            except OSError as error:
                raise BadInput(f"no font: {error}", where=self._font, remedy="give a .ttf or .otf file") from None
        return self._fonts[size_px]
