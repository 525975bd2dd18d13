"""A note: what somebody says about a sample, or about a place in it."""

from __future__ import annotations

from msgspec import Struct

Item = bool | int | float | str
Value = Item | list[Item]


class Whole(Struct, frozen=True, tag="whole", tag_field="at"):
    """The whole sample."""


class Characters(Struct, frozen=True, tag="characters", tag_field="at"):
    """Characters [start, end) of the text at place `part`."""

    part: int
    start: int
    end: int


class TimeSpan(Struct, frozen=True, tag="time_span", tag_field="at"):
    """Presentation times [start_pts, end_pts) in units of numerator/denominator seconds."""

    part: int
    start_pts: int
    end_pts: int
    time_base: tuple[int, int]


class Box(Struct, frozen=True, tag="box", tag_field="at"):
    """A box on a picture: left, top, right, bottom in pixels of the picture as stored."""

    part: int
    left_px: float
    top_px: float
    right_px: float
    bottom_px: float


class Quad(Struct, frozen=True, tag="quad", tag_field="at"):
    """Four corners (x, y) in pixels, clockwise from the top left of what is written."""

    part: int
    corners_px: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class Track(Struct, frozen=True, tag="track", tag_field="at"):
    """A box over time: (pts, left, top, right, bottom) in pixels, times in units of the time base."""

    part: int
    time_base: tuple[int, int]
    boxes: tuple[tuple[int, float, float, float, float], ...]


class QuadTrack(Struct, frozen=True, tag="quad_track", tag_field="at"):
    """Four corners over the time [start_pts, end_pts), of the upright picture in pixels, where they were seen.

    A quad is (pts, corners), the corners clockwise from the top left of what is written; times are in units of the time
    base.
    """

    part: int
    start_pts: int
    end_pts: int
    time_base: tuple[int, int]
    quads: tuple[
        tuple[int, tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]], ...
    ]


At = Whole | Characters | TimeSpan | Box | Quad | Track | QuadTrack


class Note(Struct, frozen=True):
    """What `by` (an annotator@fingerprint, or a person) says under `name`, at a place in a sample."""

    name: str
    value: Value
    at: At = Whole()
    by: str = ""


class Noted(Struct, frozen=True):
    """What an annotator found on one sample: values by name, and notes on places.

    `counts` are summed in the run's record and stand in no note: what was spent on the sample, which case it was.
    """

    values: dict[str, Value] = {}
    places: tuple[Note, ...] = ()
    counts: dict[str, int] = {}


class Failed(Struct, frozen=True, tag=True, array_like=True):
    """The sample cannot be used: `reason` goes into its row, `detail` into the run's record."""

    reason: str
    detail: str = ""
