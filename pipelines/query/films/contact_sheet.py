"""A contact sheet: frames of a video with their times, where shots begin, what the camera does, and text where it is.

Below the frames stands all that was noted on spans, on one line of time. Everything is drawn with Pillow and the font
that it brings, which knows no script but Latin without accents: for others a font file is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from PIL import Image

from pipelines.query.films.clock import clock
from pipelines.query.films.lanes import Lane, Span
from pipelines.query.films.pen import Pen
from pipelines.query.films.stills import Clip
from schemas.vocabulary.camera import CAMERA_MOTION
from schemas.vocabulary.shots import SHOT

PAPER, INK, QUIET, LINE = (251, 250, 248), (31, 30, 27), (106, 102, 95), (222, 218, 211)
SHOTS = ((47, 111, 115), (181, 80, 45))
"""Shots are coloured by turns."""
TEXT, SPAN, UNSURE = (230, 57, 140), (203, 222, 221), (236, 226, 214)
SURE = 0.5
COLUMNS, GAP_PX, MARGIN_PX = 6, 10, 24
_BAR_PX, _LINE_PX, _SIGN_PX, _LANE_PX = 5, 17, 18, 20
_MOST_SIGNS = 3


class Sheet(Struct, frozen=True):
    """What is drawn: `frames` are times with the pictures that are shown then, upright, all of one size."""

    title: str
    clip: Clip
    lanes: Sequence[Lane]
    frames: Sequence[tuple[int, Image.Image]]
    font: str = ""

    def draw(self) -> Image.Image:
        """Return the sheet."""
        wide, high = self.frames[0][1].size
        cell = (wide + GAP_PX, high + _BAR_PX + (2 + _MOST_SIGNS) * _LINE_PX + GAP_PX)
        columns = min(COLUMNS, len(self.frames))
        rows = -(-len(self.frames) // columns)
        head_px = MARGIN_PX + 2 * _LINE_PX + GAP_PX
        width = max(2 * MARGIN_PX + columns * cell[0], 720)
        lanes_px = sum(lane.rows + 1 for lane in self.lanes) * _LANE_PX + 2 * _LANE_PX
        made = Image.new("RGB", (width, head_px + rows * cell[1] + lanes_px + MARGIN_PX), PAPER)
        pen = Pen(made, self.font)
        pen.write((MARGIN_PX, MARGIN_PX - 6), self.title, INK, 18, width - 2 * MARGIN_PX)
        pen.write((MARGIN_PX, MARGIN_PX + 16), self._facts(), QUIET, 13, width - 2 * MARGIN_PX)
        for number, (pts, picture) in enumerate(self.frames):
            corner = MARGIN_PX + number % columns * cell[0], head_px + number // columns * cell[1]
            self._frame(pen, corner, pts, picture)
        self._lines(pen, head_px + rows * cell[1], width)
        return made

    def _facts(self) -> str:
        clip = self.clip
        lasts = clip.seconds(clip.end_pts - clip.pts[0])
        rate = f"{clip.rate[0] / clip.rate[1]:.3f}".rstrip("0").rstrip(".")
        sides = f"{clip.width_px} x {clip.height_px}"
        return f"{sides}, {clip.codec}, {lasts:.3f} s, {len(clip.pts)} frames at {rate} a second"

    def _frame(self, pen: Pen, corner: tuple[int, int], pts: int, picture: Image.Image) -> None:
        """Draw a frame under the bar of its shot, with text where it stands, and what is known of it below."""
        left, top = corner
        place = self.clip.place(pts)
        begins = self._shot_bar(pen, corner, pts, picture.width)
        pen.paste(picture, (left, top + _BAR_PX))
        scale = picture.width / self.clip.width_px
        for span in (span for lane in self.lanes for span in lane.spans):
            if corners := [(left + x * scale, top + _BAR_PX + y * scale) for x, y in span.corners_at(pts)]:
                pen.outline(corners, TEXT)
                x, y = min(x for x, _ in corners), min(y for _, y in corners)
                pen.write((x, max(top + _BAR_PX, y - 13)), span.says, TEXT, 11, left + picture.width - x)
        y = top + _BAR_PX + picture.height + 2
        pen.write((left, y), f"{clock(self.clip.seconds(pts))}, frame {place}", QUIET, 13, picture.width)
        if begins:
            pen.write((left, y + _LINE_PX), begins, INK, 13, picture.width)
        for row, span in enumerate(self._motions(pts)[:_MOST_SIGNS]):
            self._motion(pen, (left, y + (1 + bool(begins) + row) * _LINE_PX), span, picture.width)

    def _shot_bar(self, pen: Pen, corner: tuple[int, int], pts: int, wide_px: int) -> str:
        """Draw the bar of the shot that a frame is of, and its border where it begins; return how it begins there."""
        left, top = corner
        for number, shot in enumerate(self._shots()):
            if shot.start_pts <= pts < shot.end_pts:
                pen.box((left, top, left + wide_px, top + _BAR_PX), SHOTS[number % 2])
                if shot.start_pts == pts:
                    pen.box((left - 5, top, left - 2, top + _BAR_PX + 3 * _LINE_PX), SHOTS[number % 2])
                    return f"shot {number + 1}: {_label(shot)}"
                return ""
        return ""

    def _shots(self) -> Sequence[Span]:
        """Return the shots that were found, or that the source tells of where none looked for them."""
        lanes = sorted((lane for lane in self.lanes if lane.name == SHOT.name), key=lambda lane: lane.by == "source")
        return lanes[0].spans if lanes else ()

    def _motions(self, pts: int) -> list[Span]:
        lanes = [lane for lane in self.lanes if lane.name == CAMERA_MOTION.name]
        return [span for lane in lanes for span in lane.spans if span.start_pts <= pts < span.end_pts]

    def _motion(self, pen: Pen, corner: tuple[int, int], span: Span, wide_px: int) -> None:
        pen.sign(span.says, corner, _SIGN_PX, INK if _is_sure(span) else QUIET)
        pen.write((corner[0] + _SIGN_PX + 6, corner[1] + 1), _label(span), INK, 13, wide_px - _SIGN_PX - 6)

    def _lines(self, pen: Pen, top: int, width: int) -> None:
        """Draw the lanes over the time from the first frame to the end of the last."""
        start, end = self.clip.pts[0], self.clip.end_pts
        across = width - 2 * MARGIN_PX

        def x(pts: int) -> float:
            return MARGIN_PX + across * min(1.0, max(0.0, (pts - start) / (end - start)))

        for lane in self.lanes:
            by = f" by {lane.by}" if lane.by else ""
            pen.write((MARGIN_PX, top), f"{lane.name.replace('_', ' ')}{by}", QUIET, 13, across)
            top += _LANE_PX
            for number, span in enumerate(lane.spans):
                y = top + span.row * _LANE_PX
                right = max(x(span.end_pts), x(span.start_pts) + 2)
                fill = SPAN if _is_sure(span) else UNSURE
                pen.box((x(span.start_pts), y, right - 1, y + _LANE_PX - 3), fill)
                if lane.name == SHOT.name:
                    pen.box((x(span.start_pts), y, x(span.start_pts) + 3, y + _LANE_PX - 3), SHOTS[number % 2])
                signed = (
                    pen.sign(span.says, (x(span.start_pts) + 5, y + 2), 13, INK)
                    if right - x(span.start_pts) > 22
                    else False
                )
                begin = x(span.start_pts) + (22 if signed else 6)
                pen.write((begin, y + 1), _label(span), INK, 12, right - begin - 3)
            top += lane.rows * _LANE_PX
        pen.line((MARGIN_PX, top + 4, MARGIN_PX + across, top + 4), LINE)
        for tick in range(COLUMNS + 1):
            pts = start + (end - start) * tick // COLUMNS
            pen.write((x(pts) - 22 * tick / COLUMNS * 2, top + 8), clock(self.clip.seconds(pts)), QUIET, 12, 80)


def _is_sure(span: Span) -> bool:
    return span.sure is None or span.sure >= SURE


def _label(span: Span) -> str:
    sure = "" if span.sure is None else f" {span.sure:.2f}"
    return f"{span.says.replace('_', ' ')}{sure}"
