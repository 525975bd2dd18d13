"""A long picture as overlapping strips, and what is found in them as one list, so that no line is told twice.

A finder that shrinks a picture to a side sees nothing of a screenshot of 300 x 20,000 px. A picture whose longer side
is more than LONG times the shorter is looked at as a row of squares, or of strips as long as the finder's side where it
is narrower than that: its text is seen as large as on an ordinary picture of its width.

The rule of the overlap: two quads of neighbouring strips are one line where, inside the overlap, they share at least
half of what the smaller of them has there; beyond it one strip cannot see what the other saw. A line is the smallest
rectangle around all of its quads, through however many strips it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONG = 3.0
OVERLAP = 0.25
SHARED = 0.5

Strip = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

Corners = NDArray[np.float64]
"""Four corners (x, y) in pixels: left above, right above, right below, left below."""


def strips(width_px: int, height_px: int, side_px: int) -> list[Strip]:
    """Return the strips of a picture in order, of one length each; the whole picture where it is not long."""
    shorter, longer = sorted((width_px, height_px))
    length = max(shorter, side_px)
    if longer <= max(LONG * shorter, length):
        return [(0, 0, width_px, height_px)]
    last = ceil((longer - length) / (length * (1 - OVERLAP)))
    starts = [(longer - length) * at // last for at in range(last + 1)]
    if width_px > height_px:
        return [(start, 0, start + length, height_px) for start in starts]
    return [(0, start, width_px, start + length) for start in starts]


def joined(seen: Sequence[tuple[Strip, Sequence[Corners]]]) -> list[Corners]:
    """Return each line of these strips once; corners are those of the whole picture."""
    quads = [quad for _, found in seen for quad in found]
    line = np.arange(len(quads))
    for one, other in _same_lines(seen):
        line[line == line[other]] = line[one]
    return [_around([quads[at] for at in np.flatnonzero(line == name)]) for name in dict.fromkeys(line.tolist())]


def in_order(rectangle: Corners) -> Corners:
    """Return the corners of a rectangle as PaddleOCR orders them: of the two on the left, the upper one is first."""
    by_x = rectangle[np.argsort(rectangle[:, 0], kind="stable")]
    left, right = (pair[np.argsort(pair[:, 1], kind="stable")] for pair in (by_x[:2], by_x[2:]))
    return np.stack([left[0], right[0], right[1], left[1]])


def _same_lines(seen: Sequence[tuple[Strip, Sequence[Corners]]]) -> Iterator[tuple[int, int]]:
    """Yield pairs of quads, by their places in the list of all, that are one line."""
    first = 0
    for (above, quads), (below, others) in pairwise(seen):
        overlap = max(above[0], below[0]), max(above[1], below[1]), min(above[2], below[2]), min(above[3], below[3])
        if quads and others:
            for one, other in _sharing(_inside(quads, overlap), _inside(others, overlap)):
                yield first + one, first + len(quads) + other
        first += len(quads)


def _inside(quads: Sequence[Corners], overlap: Strip) -> Any:
    import shapely

    return shapely.intersection(shapely.convex_hull(shapely.multipoints(np.stack(quads))), shapely.box(*overlap))


def _sharing(pieces: Any, others: Any) -> list[tuple[int, int]]:
    import shapely

    one, other = shapely.STRtree(others).query(pieces, predicate="intersects")
    shared = shapely.area(shapely.intersection(pieces[one], others[other]))
    smaller = np.minimum(shapely.area(pieces[one]), shapely.area(others[other]))
    same = (smaller > 0) & (shared >= SHARED * smaller)
    return sorted(zip(one[same].tolist(), other[same].tolist(), strict=True))


def _around(quads: Sequence[Corners]) -> Corners:
    """Return the quad itself where it is alone, so that an ordinary picture's are what the finder gave."""
    import shapely

    if len(quads) == 1:
        return quads[0]
    corners = shapely.get_coordinates(shapely.oriented_envelope(shapely.multipoints(np.concatenate(quads))))
    return in_order(corners[:4])
