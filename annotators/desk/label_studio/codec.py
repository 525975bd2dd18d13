"""The one place that turns times and boxes of notes into an editor's frames and percents, and back.

The editor counts frames from 1 and both ends of a range belong to it; a note's span counts integers of the file and
ends before its end. The editor's boxes are percents of the upright picture at keyframes, between which it goes in
straight lines; a keyframe that is not `enabled` is the last that is seen before a gap, or at the end. A track has a box
for every frame on which it is seen, so what comes back says nothing that the annotator did not look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import cos, isfinite, radians, sin

from msgspec import Struct, structs

from annotators.desk.label_studio.frame_map import FrameMap
from schemas.errors import BadSample
from schemas.note import TimeSpan, Track

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright picture."""
_DECIMALS, _EXACT_PX = 6, 1e-9


class Range(Struct, frozen=True):
    """Frames of the editor, counted from 1, both ends among them."""

    start: int
    end: int


class Keyframe(Struct, frozen=True):
    """A box of the editor: percents of the upright picture, turned clockwise about its upper left corner."""

    frame: int
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0
    enabled: bool = True
    time: float = 0.0


def to_range(span: TimeSpan, mapped: FrameMap) -> Range:
    """Return the frames that begin within a span.

    Exact both ways for every span that begins and ends with frames. Raises BadSample("outside_the_clip" |
    "zero_length").
    """
    first, end = mapped.places(span)
    if first >= end:
        outside = first == mapped.frames or (end == 0 and span.end_pts > span.start_pts)
        raise BadSample("outside_the_clip" if outside else "zero_length", f"no frame of the clip begins within {span}")
    return Range(first + 1, end)


def to_span(given: Range, part: int, mapped: FrameMap) -> TimeSpan:
    """Return the time of the frames of a range.

    Raises BadSample("zero_length" | "outside_the_clip").
    """
    if given.end < given.start:
        raise BadSample("zero_length", f"frames {given.start} to {given.end}")
    if given.start < 1 or given.end > mapped.frames:
        raise BadSample("outside_the_clip", f"frames {given.start} to {given.end} of {mapped.frames}")
    return mapped.span(part, given.start - 1, given.end)


def to_keyframes(track: Track, mapped: FrameMap, *, tolerance_px: float = 0.0, bridged: int = 1) -> list[Keyframe]:
    """Return a track as keyframes: as few as put every box where it is, give or take `tolerance_px`.

    Boxes at most `bridged` frames apart go over into each other; what is farther apart is a gap. Raises
    BadSample("off_frame" | "empty") where a box stands at a time at which no frame begins, or there is none.
    """
    if not track.boxes:
        raise BadSample("empty", "a track without boxes")
    placed = sorted(
        (_place(pts, track, mapped), (left, top, right, bottom)) for pts, left, top, right, bottom in track.boxes
    )
    made = list[Keyframe]()
    for run in _runs(placed, bridged):
        kept = _few(run, tolerance_px)
        made += [_keyframe(place, box, place != run[-1][0], mapped) for place, box in kept]
    return made


def to_track(keyframes: Sequence[Keyframe], part: int, mapped: FrameMap) -> Track:
    """Return the box of every frame on which the editor shows a rectangle.

    What lies outside of the picture is cut off. Raises BadSample("empty" | "outside_the_clip" | "outside_the_picture" |
    "malformed").
    """
    if not keyframes:
        raise BadSample("empty", "a rectangle without keyframes")
    ordered = sorted(keyframes, key=lambda one: one.frame)
    if ordered[0].frame < 1 or ordered[-1].frame > mapped.frames:
        raise BadSample(
            "outside_the_clip", f"keyframes {ordered[0].frame} to {ordered[-1].frame} of {mapped.frames} frames"
        )
    if len({one.frame for one in ordered}) < len(ordered):
        raise BadSample("malformed", "two keyframes on one frame")
    if not all(isfinite(value) for one in ordered for value in (one.x, one.y, one.width, one.height, one.rotation)):
        raise BadSample("malformed", "a keyframe that is no number")
    boxes = list[tuple[int, float, float, float, float]]()
    last = structs.replace(ordered[-1], frame=mapped.frames + 1)
    for here, there in pairwise((*ordered, last)):
        shown = range(here.frame, there.frame) if here.enabled else (here.frame,)
        for frame in shown:
            box = _box(_between(here, there, frame), mapped)
            if box[0] >= box[2] or box[1] >= box[3]:
                raise BadSample("outside_the_picture", f"nothing of the box on frame {frame} is in the picture")
            boxes.append((mapped.pts[frame - 1], *box))
    return Track(part, mapped.time_base, tuple(boxes))


def _place(pts: int, track: Track, mapped: FrameMap) -> int:
    place = mapped.place(pts, track.time_base)
    if place is None:
        raise BadSample("off_frame", f"no frame begins at {pts} in units of {track.time_base} s")
    return place


def _runs(placed: Sequence[tuple[int, Box]], bridged: int) -> list[list[tuple[int, Box]]]:
    runs = [[placed[0]]]
    for sooner, later in pairwise(placed):
        if later[0] - sooner[0] > bridged:
            runs.append([])
        runs[-1].append(later)
    return runs


def _few(run: Sequence[tuple[int, Box]], tolerance_px: float) -> list[tuple[int, Box]]:
    """Return boxes between which straight lines pass all others within the tolerance (Ramer, Douglas, Peucker)."""
    kept, stack = {0, len(run) - 1}, [(0, len(run) - 1)]
    while stack:
        first, last = stack.pop()
        worst, far = first, max(tolerance_px, _EXACT_PX)
        for middle in range(first + 1, last):
            off = max(
                abs(a - b) for a, b in zip(run[middle][1], _line(run[first], run[last], run[middle][0]), strict=True)
            )
            if off > far:
                worst, far = middle, off
        if worst != first:
            kept.add(worst)
            stack += [(first, worst), (worst, last)]
    return [run[place] for place in sorted(kept)]


def _line(sooner: tuple[int, Box], later: tuple[int, Box], place: int) -> tuple[float, ...]:
    share = (place - sooner[0]) / (later[0] - sooner[0])
    return tuple(a + (b - a) * share for a, b in zip(sooner[1], later[1], strict=True))


def _keyframe(place: int, box: Box, enabled: bool, mapped: FrameMap) -> Keyframe:
    left, top, right, bottom = box
    wide, high = 100 / mapped.width_px, 100 / mapped.height_px
    return Keyframe(
        frame=place + 1,
        x=left * wide,
        y=top * high,
        width=(right - left) * wide,
        height=(bottom - top) * high,
        enabled=enabled,
        time=(place + 1) / mapped.frames_per_s,
    )


def _between(here: Keyframe, there: Keyframe, frame: int) -> Keyframe:
    if here.frame in (frame, there.frame):
        return here
    share = (frame - here.frame) / (there.frame - here.frame)
    fields = ("x", "y", "width", "height", "rotation")
    moved = {name: getattr(here, name) + (getattr(there, name) - getattr(here, name)) * share for name in fields}
    return Keyframe(frame=frame, **moved)


def _box(shown: Keyframe, mapped: FrameMap) -> Box:
    """Return the upright box around a rectangle, which turns about its upper left corner, within the picture."""
    left, top = shown.x * mapped.width_px / 100, shown.y * mapped.height_px / 100
    wide, high = shown.width * mapped.width_px / 100, shown.height * mapped.height_px / 100
    turn = radians(shown.rotation)
    xs = [left + a * cos(turn) - b * sin(turn) for a in (0, wide) for b in (0, high)]
    ys = [top + a * sin(turn) + b * cos(turn) for a in (0, wide) for b in (0, high)]
    return (
        round(max(0.0, min(xs)), _DECIMALS),
        round(max(0.0, min(ys)), _DECIMALS),
        round(min(float(mapped.width_px), max(xs)), _DECIMALS),
        round(min(float(mapped.height_px), max(ys)), _DECIMALS),
    )
