"""The order of lines: by rows, from the left, whatever order they come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annotators.reading_order import reading_order


def test_a_pixel_up_or_down_does_not_tear_a_row_apart() -> None:
    boxes = [(200.0, 9.0, 290.0, 30.0), (10.0, 11.0, 90.0, 31.0), (100.0, 10.0, 190.0, 32.0), (10.0, 40.0, 90.0, 60.0)]
    assert reading_order(boxes) == [1, 2, 0, 3]


def test_what_stands_upright_beside_lines_is_in_no_row_of_theirs() -> None:
    beside = (300.0, 5.0, 330.0, 400.0)
    lines = [(10.0, 10.0 + 40 * row, 280.0, 30.0 + 40 * row) for row in range(5)]
    assert reading_order([*lines, beside]) == [5, 0, 1, 2, 3, 4]


def test_a_heading_over_two_rows_comes_before_both() -> None:
    assert reading_order([(10.0, 40.0, 90.0, 50.0), (200.0, 8.0, 290.0, 52.0), (10.0, 10.0, 90.0, 20.0)]) == [1, 2, 0]


def test_of_two_that_start_at_one_place_the_smaller_comes_first_whichever_way_they_come() -> None:
    tall, short = (0.0, 0.0, 1.0, 2.0), (0.0, 0.0, 1.0, 1.0)
    assert reading_order([tall, short]) == [1, 0]
    assert reading_order([short, tall]) == [0, 1]


_box = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30)).map(
    lambda one: (float(one[0]), float(one[1]), float(one[0] + one[2]), float(one[1] + one[3]))
)


@given(st.lists(_box, max_size=12, unique=True), st.randoms())
def test_the_order_depends_on_the_boxes_alone(boxes: list[tuple[float, ...]], random: object) -> None:
    shuffled = list(boxes)
    random.shuffle(shuffled)
    assert [boxes[at] for at in reading_order(boxes)] == [shuffled[at] for at in reading_order(shuffled)]
