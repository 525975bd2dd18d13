"""Signs for what a camera does: arrows the way it goes, a bent one for a roll, a lens for
a zoom, a square for rest, a jag for shaking."""

from __future__ import annotations

from itertools import pairwise
from math import atan2, cos, pi, sin

from PIL import ImageDraw

from schemas.camera import LOOKS_LIKE, SHAKE, STATIC

Point = tuple[float, float]
Colour = tuple[int, int, int]

_WAYS: dict[str, tuple[tuple[Point, Point], ...]] = {
    "pan_left": (((0.9, 0.5), (0.1, 0.5)),),
    "pan_right": (((0.1, 0.5), (0.9, 0.5)),),
    "tilt_up": (((0.5, 0.9), (0.5, 0.1)),),
    "tilt_down": (((0.5, 0.1), (0.5, 0.9)),),
}
"""Of each move its arrows, from tail to head, in a square of side 1 with y downwards."""

_JAG = ((0.05, 0.5), (0.2, 0.15), (0.4, 0.85), (0.6, 0.15), (0.8, 0.85), (0.95, 0.5))
_HEAD, _SPREAD = 0.38, 0.5


def draw_sign(pen: ImageDraw.ImageDraw, motion: str, corner: Point, side_px: int, colour: Colour) -> bool:
    """Draw the sign of a motion into the square whose upper left corner is given; return whether there is one.

    A move that carries the camera has the sign of the one that looks alike.
    """
    motion = LOOKS_LIKE.get(motion, motion)
    width = max(2, side_px // 9)

    def on_sheet(point: Point) -> Point:
        return corner[0] + point[0] * side_px, corner[1] + point[1] * side_px

    if motion in _WAYS:
        for tail, head in _WAYS[motion]:
            pen.line((*on_sheet(tail), *on_sheet(head)), fill=colour, width=width)
            _head(pen, on_sheet(head), atan2(head[1] - tail[1], head[0] - tail[0]), side_px, colour)
    elif motion.startswith("roll_"):
        box = (*on_sheet((0.12, 0.12)), *on_sheet((0.88, 0.88)))
        pen.arc(box, -60, 200, fill=colour, width=width)
        clockwise = motion == "roll_clockwise"
        at = (200 if clockwise else -60) / 180 * pi
        tip = on_sheet((0.5 + 0.36 * cos(at), 0.5 + 0.36 * sin(at)))
        _head(pen, tip, at + (pi / 2 if clockwise else -pi / 2), side_px, colour, ahead=0.16)
    elif motion.startswith("zoom_"):
        pen.ellipse((*on_sheet((0.02, 0.02)), *on_sheet((0.74, 0.74))), outline=colour, width=max(1, width - 1))
        pen.line((*on_sheet((0.66, 0.66)), *on_sheet((0.98, 0.98))), fill=colour, width=width + 1)
        pen.line((*on_sheet((0.2, 0.38)), *on_sheet((0.56, 0.38))), fill=colour, width=max(1, width - 1))
        if motion == "zoom_in":
            pen.line((*on_sheet((0.38, 0.2)), *on_sheet((0.38, 0.56))), fill=colour, width=max(1, width - 1))
    elif motion == STATIC:
        pen.rectangle((*on_sheet((0.25, 0.25)), *on_sheet((0.75, 0.75))), fill=colour)
    elif motion == SHAKE:
        for sooner, later in pairwise(map(on_sheet, _JAG)):
            pen.line((*sooner, *later), fill=colour, width=width)
    else:
        return False
    return True


def _head(pen: ImageDraw.ImageDraw, tip: Point, angle: float, side_px: int, colour: Colour, ahead: float = 0.0) -> None:
    """Draw an arrow's head that points along an angle; `ahead` moves it on, for an arrow that is bent."""
    x, y = tip[0] + ahead * side_px * cos(angle), tip[1] + ahead * side_px * sin(angle)
    reach = _HEAD * side_px
    sides = [(x - reach * cos(angle + turn), y - reach * sin(angle + turn)) for turn in (_SPREAD, -_SPREAD)]
    pen.polygon([(x, y), *sides], fill=colour)
