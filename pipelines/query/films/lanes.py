"""Lanes: what was noted on spans of a video's time, one lane for each name and annotator, as people look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from statistics import median_low
from typing import Any

from msgspec import Struct

from schemas.vocabulary.camera import CAMERA_MOTION
from schemas.vocabulary.scene_text import SCENE_TEXT
from schemas.vocabulary.shots import SHOT
from schemas.vocabulary.video import BLACK, STILL

FIRST_LANES = (SHOT.name, CAMERA_MOTION.name, "text_track", SCENE_TEXT.name, "span_caption", STILL.name, BLACK.name)
"""Lanes that come first, in this order; others follow by name."""

_SURE = ("_confidence", "_vote")

Corners = tuple[tuple[float, float], ...]


class Span(Struct, frozen=True, omit_defaults=True):
    """What is said of [start_pts, end_pts): `sure` from 0 to 1 where that is known, `told` what else is said of it.

    `row`: spans of one lane that overlap stand in different rows. `seen`: from which time on text stands where in the
    upright picture, in pixels, clockwise from its upper left; no corners from when it was not seen for a while.
    """

    says: str
    start_pts: int
    end_pts: int
    sure: float | None = None
    told: tuple[tuple[str, str], ...] = ()
    row: int = 0
    seen: tuple[tuple[int, Corners], ...] = ()

    def corners_at(self, pts: int) -> Corners:
        """Return where it was last seen at a time; nothing outside of the span, or where that is long ago."""
        if not self.start_pts <= pts < self.end_pts:
            return ()
        return max((one for one in self.seen if one[0] <= pts), default=(0, ()), key=itemgetter(0))[1]


class Lane(Struct, frozen=True):
    """All that one annotator (its name, or `source`) says under one name of the video at place `part`."""

    name: str
    by: str
    part: int
    time_base: tuple[int, int]
    spans: tuple[Span, ...]

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return 1 + max(span.row for span in self.spans)

    def seconds(self, pts: int) -> float:
        """Return a time in seconds."""
        return pts * self.time_base[0] / self.time_base[1]


def is_on_time(place: Mapping[str, Any]) -> bool:
    """Whether a note on a place is one on a span of time or on a track."""
    return "time_base" in place["at"]


def lanes_of(places: Iterable[Mapping[str, Any]]) -> list[Lane]:
    """Return the lanes of notes on places, each as the JSON of a note with who says it as `by`.

    A note belongs to the one before it where it is by the same annotator on the same span and is a number, or has the
    other's name with something behind it: how sure a motion is, the language of a text.
    """
    found: dict[tuple[str, str], list[_Open]] = {}
    last: dict[str, _Open] = {}
    for place in filter(is_on_time, places):
        by, name, value, at = place.get("by", "").split("@")[0], place["name"], place["value"], place["at"]
        before = last.get(by)
        if before and before.at == at and (_is_number(value) or name.startswith(f"{before.name}_")):
            before.more.append((name, value))
            continue
        last[by] = _Open(name, value, at)
        found.setdefault((name, by), []).append(last[by])
    lanes = [_lane(name, by, said) for (name, by), said in found.items()]
    return sorted(lanes, key=lambda lane: (_order(lane.name), lane.by))


class _Open:
    def __init__(self, name: str, value: Any, at: Mapping[str, Any]) -> None:
        self.name, self.value, self.at = name, value, at
        self.more: list[tuple[str, Any]] = []

    def span(self) -> Span:
        seen = _with_gaps(list(_seen(self.at)))
        start = self.at.get("start_pts", seen[0][0] if seen else 0)
        end = self.at.get("end_pts", seen[-1][0] + 1 if seen else start + 1)
        sure = next((float(value) for name, value in self.more if name.endswith(_SURE)), None)
        told = tuple((name.removeprefix(f"{self.name}_"), _said(value)) for name, value in self.more)
        says = self.name if self.value is True else _said(self.value)
        return Span(says, start, max(end, start + 1), sure, told, 0, seen)


def _lane(name: str, by: str, said: Sequence[_Open]) -> Lane:
    ends: list[int] = []
    spans: list[Span] = []
    for span in sorted((one.span() for one in said), key=lambda span: (span.start_pts, span.end_pts, span.says)):
        row = next((row for row, end in enumerate(ends) if end <= span.start_pts), len(ends))
        ends[row:] = [span.end_pts, *ends[row + 1 :]]
        spans.append(Span(span.says, span.start_pts, span.end_pts, span.sure, span.told, row, span.seen))
    numerator, denominator = said[0].at["time_base"]
    return Lane(name, by, said[0].at["part"], (numerator, denominator), tuple(spans))


def _seen(at: Mapping[str, Any]) -> Iterable[tuple[int, Corners]]:
    """Yield the places of a track over time, of boxes or of quads."""
    for pts, left, top, right, bottom in at.get("boxes", ()):
        yield pts, ((left, top), (right, top), (right, bottom), (left, bottom))
    for pts, corners in at.get("quads", ()):
        yield pts, tuple((x, y) for x, y in corners)


def _with_gaps(seen: list[tuple[int, Corners]]) -> tuple[tuple[int, Corners], ...]:
    """Return what was seen, with nothing in between where it is long until the next time, as usual ones go."""
    apart = [later - sooner for (sooner, _), (later, _) in pairwise(seen)]
    usual = median_low(apart) if apart else 0
    gaps: list[tuple[int, Corners]] = [
        (pts + usual, ()) for (pts, _), gap in zip(seen, apart, strict=False) if gap > 2 * usual
    ]
    return tuple(sorted([*seen, *gaps]))


def _order(name: str) -> tuple[int, str]:
    return (FIRST_LANES.index(name), "") if name in FIRST_LANES else (len(FIRST_LANES), name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
