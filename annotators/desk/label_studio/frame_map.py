"""Which frame of a proxy is which frame of its video: the one place where a source's times and an editor's meet.

A proxy shows every frame of the video once, in their order, at one constant rate, upright. So a place among the frames
is the same number on both sides, whatever the source's times are: variable, in ticks of a millisecond, of B-frames, or
starting late. What an editor calls a time is never turned into a source's time by arithmetic, only by its place here.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction

import msgspec
from msgspec import Struct, structs

from annotators.container import Container
from schemas.errors import BadInput, BadSample
from schemas.note import TimeSpan

LEAST_RATE, MOST_RATE = 1, 120
"""Frames a second of a proxy: an editor reads less than one as seconds a frame, and seeks in steps of 2 ms."""
_SIMPLE = 1001


class FrameMap(Struct, frozen=True):
    """The times of a video's frames as its file holds them, and the rate and the upright size that an editor is told.

    `pts` ascend, `end_pts` is when the last frame ends, both in units of `time_base`; `rate` is frames a second as
    numerator and denominator. Raises ValueError where they do not ascend.
    """

    pts: tuple[int, ...]
    end_pts: int
    time_base: tuple[int, int]
    rate: tuple[int, int]
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        ends = (*self.pts[1:], self.end_pts)
        if not self.pts or any(pts >= end for pts, end in zip(self.pts, ends, strict=True)):
            raise ValueError("a frame map holds one frame or more, each ending after it begins")

    @property
    def frames(self) -> int:
        """How many frames the video and its proxy have."""
        return len(self.pts)

    @property
    def frames_per_s(self) -> float:
        """The proxy's rate as the number that an editor is told."""
        return self.rate[0] / self.rate[1]

    def places(self, span: TimeSpan) -> tuple[int, int]:
        """Return [first, end) of the frames that begin within a span; first = end where none does.

        A span in another time base is compared exactly.
        """
        ratio = Fraction(*span.time_base) / Fraction(*self.time_base)
        return bisect_left(self.pts, span.start_pts * ratio), bisect_left(self.pts, span.end_pts * ratio)

    def span(self, part: int, first: int, end: int) -> TimeSpan:
        """Return the time of the frames [first, end) of the video at `part`."""
        end_pts = self.pts[end] if end < self.frames else self.end_pts
        return TimeSpan(part, self.pts[first], end_pts, self.time_base)

    def place(self, pts: int, time_base: tuple[int, int]) -> int | None:
        """Return the place of the frame that begins at a time, None where none does."""
        at = pts * Fraction(*time_base) / Fraction(*self.time_base)
        place = bisect_left(self.pts, at)
        return place if place < self.frames and self.pts[place] == at else None


def frame_map(container: Container) -> FrameMap:
    """Return the map of a video to its proxy."""
    turned = container.rotation_deg % 180 == 90
    width, height = container.width_px, container.height_px
    return FrameMap(
        container.pts,
        container.end_pts,
        container.time_base,
        proxy_rate(container.rate),
        height if turned else width,
        width if turned else height,
    )


def cut(mapped: FrameMap, span: TimeSpan) -> FrameMap:
    """Return the map of the frames that begin within a span; raises BadSample("outside_the_clip") where none does."""
    first, end = mapped.places(span)
    if first >= end:
        raise BadSample("outside_the_clip", f"no frame begins within {span}")
    end_pts = mapped.pts[end] if end < mapped.frames else mapped.end_pts
    return structs.replace(mapped, pts=mapped.pts[first:end], end_pts=end_pts)


def proxy_rate(rate: tuple[int, int]) -> tuple[int, int]:
    """Return a video's rate as a proxy may have it: within bounds, and of a denominator that a file can count in."""
    wanted = min(max(Fraction(*rate), Fraction(LEAST_RATE)), Fraction(MOST_RATE))
    return wanted.limit_denominator(_SIMPLE).as_integer_ratio()


def to_json(mapped: FrameMap) -> bytes:
    """Return the one JSON form of a frame map."""
    return msgspec.json.encode(mapped)


def from_json(data: bytes | str) -> FrameMap:
    """Read a frame map back.

    Raises BadInput where it is none.
    """
    try:
        return msgspec.json.decode(data, type=FrameMap)
    except msgspec.DecodeError as error:
        raise BadInput(f"this is no frame map: {error}", remedy="make the clip's proxy again") from None
