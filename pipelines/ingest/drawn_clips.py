"""Drawn clips: small videos over real photographs, made so that the truth of every frame is known and noted.

A clip is pieces of one move each, joined by cuts, by fades through black, or by dissolves of one into the other. Every
frame bears its number, unless it is to be black or still. What is written beside it as notes: shots with how they
begin, moves, black, and text that moves, all on integer times as the file holds them; so a note and a burnt-in number
can be held against each other. Small sizes: a clip takes a fraction of a second to make.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from math import floor
from typing import Any, Literal

import numpy as np
from msgspec import Struct

from annotators.x264 import SAME_BYTES
from pipelines.ingest.drawn_digits import burn
from pipelines.ingest.drawn_moves import Rgb, Scene, view
from schemas.errors import BadInput
from schemas.note import Note, TimeSpan, Track
from schemas.vocabulary.camera import CAMERA_MOTION
from schemas.vocabulary.scene_text import SCENE_TEXT
from schemas.vocabulary.shots import SHOT, TRANSITION
from schemas.vocabulary.video import BLACK

Joint = Literal["cut", "fade", "dissolve"]
NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
_TEXT_SIZE_PX = (96, 28)


class Piece(Struct, frozen=True):
    """So many frames of one move over one photograph, and how the piece before it goes over into it."""

    move: str
    frames: int
    photo: int = 0
    joint: Joint = "cut"
    speed: float = 1.0


class Drawing(Struct, frozen=True):
    """A clip to draw. `rate` is (numerator, denominator); `uneven` lets each frame last one to three steps of it.

    `start` is the first frame's time in frames, `turned_deg` what a player is told to turn, `text` what a plate says
    that crosses the view, `fade` how many frames a fade takes on either side of black, a dissolve on either side of the
    frame at which the next piece begins.
    """

    name: str
    pieces: tuple[Piece, ...]
    rate: tuple[int, int] = (24, 1)
    size: tuple[int, int] = (256, 192)
    container: str = "mp4"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    between: int = 0
    start: int = 0
    uneven: bool = False
    turned_deg: int = 0
    text: str = ""
    fade: int = 6
    numbered: bool = True

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return sum(piece.frames for piece in self.pieces)

    def starts(self) -> list[int]:
        """Return each piece's first frame, and the end of the last."""
        return list(accumulate((piece.frames for piece in self.pieces), initial=0))

    def steps(self) -> list[int]:
        """Return each frame's time in steps of the rate, and the end of the last."""
        if not self.uneven:
            return list(range(self.start, self.start + self.frames + 1))
        lasts = [1 + place * 7 % 5 // 2 for place in range(self.frames)]
        return [self.start + sum(lasts[:place]) for place in range(self.frames + 1)]


class Drawn(Struct, frozen=True):
    """A clip's bytes, the times of its frames with the end of the last, in the file's time base, and its truth."""

    content: bytes
    pts: tuple[int, ...]
    time_base: tuple[int, int]
    notes: tuple[Note, ...]


def draw(drawing: Drawing, photos: Sequence[Rgb]) -> Drawn:
    """Draw and encode a clip; the photographs are taken by their places, round and round."""
    content = _encoded(drawing, _frames(drawing, photos))
    time_base = _time_base(content)
    unit = Fraction(drawing.rate[1], drawing.rate[0]) / time_base
    pts = tuple(floor(step * unit + Fraction(1, 2)) for step in drawing.steps())
    base = time_base.numerator, time_base.denominator
    return Drawn(content, pts, base, tuple(_truth(drawing, pts, base)))


def _frames(drawing: Drawing, photos: Sequence[Rgb]) -> Iterator[Rgb]:
    step_s = drawing.rate[1] / drawing.rate[0]
    times_s = [step * step_s for step in drawing.steps()]
    lights = [bright for light in _lights(drawing) for bright in light]
    for number, (shares, bright) in enumerate(zip(_shares(drawing), lights, strict=True)):
        seen = [share * bright * _seen(drawing, photos, place, times_s, number) for place, share in shares]
        frame = np.ascontiguousarray(np.sum(seen, 0).astype(np.uint8))
        if drawing.text and bright == 1:
            _write_plate(frame, drawing, number)
        if drawing.numbered:
            burn(frame, number)
        yield np.ascontiguousarray(np.rot90(frame, -drawing.turned_deg // 90))


def _seen(drawing: Drawing, photos: Sequence[Rgb], place: int, times_s: Sequence[float], number: int) -> Rgb:
    """Return what a piece's camera sees at a frame, which may lie outside of the piece."""
    piece, first = drawing.pieces[place], drawing.starts()[place]
    scene = Scene(photos[piece.photo % len(photos)], photos[(piece.photo + 1) % len(photos)])
    half_s = (times_s[first] + times_s[first + piece.frames]) / 2
    return view(scene, piece.move, piece.speed, times_s[number], half_s, drawing.size, f"{drawing.name}/{piece.photo}")


def _shares(drawing: Drawing) -> Iterator[list[tuple[int, float]]]:
    """Yield of each frame which pieces are in it, by their places, and how much of each: two in a dissolve."""
    starts, takes = drawing.starts(), 2 * drawing.fade
    joints = [*(piece.joint for piece in drawing.pieces), "cut"]
    for place in range(len(drawing.pieces)):
        for number in range(starts[place], starts[place + 1]):
            since, left = number - starts[place] + 0.5, starts[place + 1] - number - 0.5
            if place and joints[place] == "dissolve" and since < drawing.fade:
                yield [(place - 1, 0.5 - since / takes), (place, 0.5 + since / takes)]
            elif joints[place + 1] == "dissolve" and left < drawing.fade:
                yield [(place, 0.5 + left / takes), (place + 1, 0.5 - left / takes)]
            else:
                yield [(place, 1.0)]


def _lights(drawing: Drawing) -> Iterator[list[float]]:
    """Yield, of each piece, how bright its frames are: 1, falling to 0 before a fade and rising after one."""
    joints = [*(piece.joint for piece in drawing.pieces[1:]), "cut"]
    for piece, after in zip(drawing.pieces, joints, strict=True):
        before = "cut" if piece is drawing.pieces[0] else piece.joint
        light = np.ones(piece.frames)
        if before == "fade":
            light[: drawing.fade] = np.arange(drawing.fade) / drawing.fade
        if after == "fade":
            light[-drawing.fade :] = np.arange(drawing.fade)[::-1] / drawing.fade
        yield light.tolist()


def _plate(drawing: Drawing, number: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the plate with text, which crosses the view from left to right."""
    width, height = drawing.size
    left = round((width - _TEXT_SIZE_PX[0]) * number / max(1, drawing.frames - 1))
    return left, height - 2 * _TEXT_SIZE_PX[1], left + _TEXT_SIZE_PX[0], height - _TEXT_SIZE_PX[1]


def _write_plate(frame: Rgb, drawing: Drawing, number: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    left, top, right, bottom = _plate(drawing, number)
    plate = Image.new("RGB", _TEXT_SIZE_PX, (250, 250, 240))
    font = ImageFont.load_default(20)
    ImageDraw.Draw(plate).text((6, 2), drawing.text, fill=(20, 20, 60), font=font)
    frame[top:bottom, left:right] = np.asarray(plate)


def _truth(drawing: Drawing, pts: Sequence[int], base: tuple[int, int]) -> Iterator[Note]:
    starts = drawing.starts()
    for place, (piece, light) in enumerate(zip(drawing.pieces, _lights(drawing), strict=True)):
        first, end = starts[place], starts[place + 1]
        at = TimeSpan(0, pts[first], pts[end], base)
        yield Note(SHOT.name, "start" if place == 0 else piece.joint, at)
        yield Note(CAMERA_MOTION.name, piece.move, at)
        if place and piece.joint != "cut":
            yield Note(
                TRANSITION.name, piece.joint, TimeSpan(0, pts[first - drawing.fade], pts[first + drawing.fade], base)
            )
        if 0.0 in light[1:]:
            dark = first + len(light) - 1
            yield Note(BLACK.name, True, TimeSpan(0, pts[dark], pts[dark + 2], base))
    if drawing.text:
        boxes = []
        lights = [bright for light in _lights(drawing) for bright in light]
        for number in (number for number, bright in enumerate(lights) if bright == 1):
            left, top, right, bottom = map(float, _plate(drawing, number))
            boxes.append((pts[number], left, top, right, bottom))
        yield Note(SCENE_TEXT.name, drawing.text, Track(0, base, tuple(boxes)))


def _encoded(drawing: Drawing, frames: Iterator[Rgb]) -> bytes:
    av = _av()
    out = io.BytesIO()
    step = Fraction(drawing.rate[1], drawing.rate[0])
    kind = {"mkv": "matroska"}.get(drawing.container, drawing.container)
    exact_start = {"movie_timescale": str(1000 * drawing.rate[0])} if kind == "mp4" else {}
    with av.open(out, "w", format=kind, options=exact_start) as file:
        stream = file.add_stream(drawing.codec, rate=Fraction(*drawing.rate))
        width, height = drawing.size[::-1] if drawing.turned_deg % 180 else drawing.size
        stream.width, stream.height, stream.pix_fmt = width, height, drawing.pixel_format
        stream.time_base = stream.codec_context.time_base = step
        stream.codec_context.max_b_frames = drawing.between
        stream.codec_context.gop_size = 24
        stream.codec_context.thread_count = 1
        if drawing.codec == "libx264":
            stream.options = {
                "preset": "veryfast",
                "qp": "20",
                "bf": str(drawing.between),
                "x264-params": SAME_BYTES,
            }
        if drawing.codec == "libx265":
            stream.options = {"preset": "ultrafast", "x265-params": f"log-level=none:pools=1:bframes={drawing.between}"}
        if drawing.turned_deg:
            stream.set_display_rotation(drawing.turned_deg)
        for place, frame in zip(drawing.steps(), frames, strict=False):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = place, step
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return out.getvalue()


def _time_base(content: bytes) -> Fraction:
    with _av().open(io.BytesIO(content)) as file:
        return Fraction(file.streams.video[0].time_base)


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise BadInput("clips are drawn with PyAV, which is not here", remedy="pip install 'ostraka[video]'") from None
    return av
