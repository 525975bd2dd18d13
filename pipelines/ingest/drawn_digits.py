"""A frame's number, burnt into its corner, and read back: what proves that a frame is the one that a note names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIGITS, CELL_PX = 4, 4
_ROWS = (
    ("###", "# #", "# #", "# #", "###"),
    (" # ", "## ", " # ", " # ", "###"),
    ("###", "  #", "###", "#  ", "###"),
    ("###", "  #", " ##", "  #", "###"),
    ("# #", "# #", "###", "  #", "  #"),
    ("###", "#  ", "###", "  #", "###"),
    ("###", "#  ", "###", "# #", "###"),
    ("###", "  #", "  #", " # ", " # "),
    ("###", "# #", "###", "# #", "###"),
    ("###", "# #", "###", "  #", "###"),
)
GLYPHS = np.array([[[cell == "#" for cell in row] for row in rows] for rows in _ROWS])
"""Of each digit, which of 5 x 3 cells are white."""

HEIGHT_PX, WIDTH_PX = 7 * CELL_PX, (4 * DIGITS + 1) * CELL_PX


def burn(frame: NDArray[np.uint8], number: int) -> None:
    """Write a number of at most four digits, white on black, into the upper left corner of a frame."""
    cells = np.zeros((7, 4 * DIGITS + 1), np.bool_)
    for place, digit in enumerate(f"{number:0{DIGITS}d}"):
        cells[1:6, 4 * place + 1 : 4 * place + 4] = GLYPHS[int(digit)]
    box = np.kron(cells, np.ones((CELL_PX, CELL_PX), np.bool_))
    frame[:HEIGHT_PX, :WIDTH_PX] = np.where(box, 235, 16).astype(np.uint8)[..., None]


def read(frame: NDArray[np.uint8]) -> int:
    """Return the number in the corner: of each digit the glyph that its cells are most like."""
    luma = frame[:HEIGHT_PX, :WIDTH_PX].mean(-1).reshape(7, CELL_PX, -1, CELL_PX).mean((1, 3))
    number = 0
    for place in range(DIGITS):
        cells = luma[1:6, 4 * place + 1 : 4 * place + 4] - 125
        number = 10 * number + int(np.argmax((np.where(GLYPHS, 1, -1) * cells).sum((1, 2))))
    return number
