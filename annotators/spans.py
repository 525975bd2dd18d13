"""Spans of time out of what is true of single frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from annotators.container import Container


def runs(holds: Sequence[bool]) -> list[tuple[int, int]]:
    """Return [first, end) of each run of frames of which something holds."""
    found, place = [], 0
    for true, run in groupby(holds):
        end = place + sum(1 for _ in run)
        if true:
            found.append((place, end))
        place = end
    return found


def lasting(container: Container, holds: Sequence[bool], least_s: float) -> list[tuple[int, int]]:
    """Return the runs that last so long, each frame lasting until the next."""
    ends = [*container.pts[1:], container.end_pts]
    return [
        (first, end) for first, end in runs(holds) if container.seconds(ends[end - 1] - container.pts[first]) >= least_s
    ]


def share(container: Container, holds: Sequence[bool]) -> float:
    """Return the share of the time of which something holds."""
    ends = [*container.pts[1:], container.end_pts]
    held = sum(end - pts for pts, end, true in zip(container.pts, ends, holds, strict=True) if true)
    return round(held / (container.end_pts - container.pts[0]), 6)
