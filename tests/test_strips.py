"""Strips of long pictures: all of the picture is in them, and what they see comes together as it was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.strips import LONG, OVERLAP, Corners, Strip, in_order, joined, strips

SIDE_PX = 960
LINE_PX = 20


def quad(left: float, top: float, right: float, bottom: float) -> Corners:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def seen_in(strip: Strip, lines: list[tuple[float, float, float, float]]) -> list[Corners]:
    """Return what a perfect finder sees of lines in a strip, wider by a pixel than what is there."""
    clipped = [
        (max(strip[0], a - 1), max(strip[1], b - 1), min(strip[2], c + 1), min(strip[3], d + 1)) for a, b, c, d in lines
    ]
    return [quad(*one) for one in clipped if one[2] - one[0] > 5 and one[3] - one[1] > 5]


@given(st.integers(1, 40_000), st.integers(1, 3_000), st.booleans())
def test_strips_are_of_one_length_overlap_and_leave_nothing_out(longer: int, shorter: int, tall: bool) -> None:
    longer, shorter = max(longer, shorter), min(longer, shorter)
    width, height = (shorter, longer) if tall else (longer, shorter)
    found = strips(width, height, SIDE_PX)
    along = [(top, bottom) if tall else (left, right) for left, top, right, bottom in found]
    if longer <= max(LONG * shorter, SIDE_PX):
        assert found == [(0, 0, width, height)]
        return
    assert {end - start for start, end in along} == {max(shorter, SIDE_PX)}
    assert along[0][0] == 0 and along[-1][1] == longer
    assert all(one[1] - other[0] >= int(OVERLAP * SIDE_PX) for one, other in pairwise(along))
    assert len(found) <= 1 + longer / (max(shorter, SIDE_PX) * (1 - OVERLAP))


@pytest.mark.parametrize("size", [(300, 9_000), (9_000, 300)], ids=["tall", "wide"])
@settings(max_examples=20)
@given(seed=st.integers(0, 1 << 30))
def test_lines_that_strips_cut_come_together_and_stay_apart_from_their_neighbours(
    size: tuple[int, int], seed: int
) -> None:
    random, (width, height) = np.random.default_rng(seed), size
    lines: list[tuple[float, float, float, float]] = []
    for top in range(10, height - LINE_PX, int(random.integers(26, 60))):
        left = int(random.integers(2, 100))
        while left < width - 60:
            right = min(width - 5, left + int(random.choice([50, 200, 900, 4_000])))
            lines.append((left, top, right, top + LINE_PX))
            left = right + int(random.integers(10, 300))
    found = joined([(strip, seen_in(strip, lines)) for strip in strips(width, height, SIDE_PX)])
    boxes = sorted((*one.min(0).round().tolist(), *one.max(0).round().tolist()) for one in found)
    assert boxes == sorted((a - 1, b - 1, c + 1, d + 1) for a, b, c, d in lines)


def test_a_tilted_line_is_joined_along_its_tilt() -> None:
    points = [(200, 30), (1700, 130), (1698, 160), (198, 60)]
    middle = [(700 + 0.0, 63.333), (900.0, 76.667), (898.0, 106.667), (698.0, 93.333)]
    one, other = (0, 0, 960, 300), (720, 0, 1680, 300)
    left = np.array([points[0], middle[1], middle[2], points[3]], float)
    right = np.array([middle[0], points[1], points[2], middle[3]], float)
    [line] = joined([(one, [left]), (other, [right])])
    assert np.allclose(line, points, atol=4)


def test_what_one_strip_alone_sees_is_left_as_it_was() -> None:
    only = quad(10, 10, 90, 30) + 0.25
    assert joined([((0, 0, 960, 100), [only]), ((720, 0, 1680, 100), [])]) == [pytest.approx(only, abs=0)]


@given(st.permutations(range(4)))
def test_corners_go_clockwise_from_the_left_above(order: list[int]) -> None:
    corners = np.array([(10, 20), (110, 30), (108, 50), (8, 40)], float)
    assert np.array_equal(in_order(corners[order]), corners)
