"""Between a picture as stored, whose pixels places in notes are in, and the same picture upright.

`orientation` is EXIF's, 1 to 8 (Exif 2.32, tag 0x0112); sides are those of the picture as stored.
"""

from __future__ import annotations

from PIL import Image

ON_ITS_SIDE = (5, 6, 7, 8)
"""The orientations that swap the sides."""

_EXIF_ORIENTATION = 0x0112

Point = tuple[float, float]


def as_stored(picture: Image.Image) -> tuple[int, tuple[int, int]]:
    """Return the orientation, and width and height in pixels, of a picture that is opened and not yet loaded.

    Pillow turns a TIFF when it loads one, and says its size as it will be then.
    """
    stated = picture.getexif().get(_EXIF_ORIENTATION, 1)
    orientation = stated if stated in range(1, 9) else 1
    turned = picture.format == "TIFF" and orientation in ON_ITS_SIDE
    width_px, height_px = picture.size
    return orientation, (height_px, width_px) if turned else (width_px, height_px)


def stored_point(orientation: int, width_px: float, height_px: float, upright: Point) -> Point:
    """Return where a point of the upright picture lies on the picture as stored."""
    x, y = upright
    return {
        1: (x, y),
        2: (width_px - x, y),
        3: (width_px - x, height_px - y),
        4: (x, height_px - y),
        5: (y, x),
        6: (y, height_px - x),
        7: (width_px - y, height_px - x),
        8: (width_px - y, x),
    }[orientation]


def upright_point(orientation: int, width_px: float, height_px: float, stored: Point) -> Point:
    """Return where a point of the picture as stored lies on the upright picture."""
    x, y = stored
    return {
        1: (x, y),
        2: (width_px - x, y),
        3: (width_px - x, height_px - y),
        4: (x, height_px - y),
        5: (y, x),
        6: (height_px - y, x),
        7: (height_px - y, width_px - x),
        8: (y, width_px - x),
    }[orientation]
