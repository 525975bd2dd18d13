"""Which frames of a video are looked at where not all are: so many a second, shot by shot, each for those around it.

A shot is cut into pieces that last the same, and the frame in the middle of each is looked at for all of it: what is
read there is said of the whole piece, so a span's end is off by half a piece at most, and frames that fade in and out
at a shot's ends are seldom the ones. Times are compared as integers of the file, so the frames are the same everywhere.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from annotators.container import Container


class Piece(Struct, frozen=True):
    """The frames [first, end) of a shot, and the one among them that is looked at."""

    first: int
    looked_at: int
    end: int


def sampled(container: Container, shots: Sequence[int], per_s: float, most: int) -> list[list[Piece]]:
    """Return the pieces of each shot, which begin at the frames `shots`; a shot has one piece at the least.

    Where a video is so long that more than `most` frames would be looked at, its pieces are longer.
    """
    per_s = min(per_s, most / container.duration_s)
    ends = [*shots[1:], len(container.pts)]
    return [
        pieces(container, first, end, round(_lasts_s(container, first, end) * per_s))
        for first, end in zip(shots, ends, strict=True)
    ]


def _lasts_s(container: Container, first: int, end: int) -> float:
    span = container.span(0, first, end)
    return container.seconds(span.end_pts - span.start_pts)


def pieces(container: Container, first: int, end: int, count: int) -> list[Piece]:
    """Return the frames [first, end) in `count` pieces that last the same, in fewer where frames are fewer."""
    span = container.span(0, first, end)
    lasts = span.end_pts - span.start_pts
    count = max(1, min(end - first, count))
    starts = [span.start_pts - (-lasts * piece // count) for piece in range(count)]
    places = sorted({bisect_left(container.pts, start, first, end) for start in starts} - {end})
    return [_piece(container, *between) for between in pairwise([*places, end])]


def _piece(container: Container, first: int, end: int) -> Piece:
    span = container.span(0, first, end)
    middle = (span.start_pts + span.end_pts) // 2
    return Piece(first, bisect_right(container.pts, middle, first, end) - 1, end)
