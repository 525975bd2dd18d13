"""The order in which lines of text are told: rows from the top down, and in a row from the left.

Two lines stand in one row where the middle of each lies between the other's top and bottom; a row is measured by its
topmost line. So a pixel more or less does not tear a row apart, and what stands upright beside ten lines is in no row
of theirs. Boxes are upright ones around the lines; columns of a page are not told apart. What starts at one place is
told the smaller box first, so that the order hangs on the boxes and not on how they came in.
"""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def reading_order(boxes: Sequence[Box]) -> list[int]:
    """Return the places of the boxes in the order in which they are read."""
    rows: list[list[int]] = []
    reached: list[list[int]] = []
    for at in sorted(range(len(boxes)), key=lambda at: (boxes[at][1], boxes[at][0], *boxes[at][2:])):
        reached = [row for row in reached if boxes[row[0]][3] >= boxes[at][1]]
        row = next((row for row in reversed(reached) if _one_row(boxes[row[0]], boxes[at])), None)
        if row is None:
            rows.append([at])
            reached.append(rows[-1])
        else:
            row.append(at)
    return [at for row in rows for at in sorted(row, key=lambda at: tuple(boxes[at]))]


def _one_row(one: Box, other: Box) -> bool:
    middles = (one[1] + one[3]) / 2, (other[1] + other[3]) / 2
    return one[1] <= middles[1] <= one[3] and other[1] <= middles[0] <= other[3]
