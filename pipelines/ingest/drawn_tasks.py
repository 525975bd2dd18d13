"""Drawn tasks: pictures of cells with shapes, digits and bars, and questions about them whose answers are known.

A cell is 28 pixels, one merged token of the reference's vision tower, and what is in it stands off its middle by a
draw: with such cells a model of 1.3M parameters learns to see, with others it does not. Everything is drawn from a
task's name, so a split's tasks are its own, and the first ten of a thousand are the ten of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipelines.ingest.drawn_digits import GLYPHS
from schemas.response import ANSWER, ANSWER_END, BOX, BOX_END, THINK, THINK_END
from schemas.task import DIFFICULTIES, Difficulty, Task

CELL_PX = 28
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 180, 60),
    "blue": (50, 80, 230),
    "yellow": (235, 215, 40),
    "white": (240, 240, 240),
    "purple": (160, 60, 200),
}
SHAPES = ("circle", "square", "triangle")
LEVELS = DIFFICULTIES
_BACKGROUND, _LINE = (16, 16, 16), (70, 70, 70)
_SIDES = dict(zip(LEVELS, (2, 3, 4, 5, 6), strict=True))
"""How many cells a picture has on a side, by its level."""
_BLANK = 0.3
_JITTER_PX = 3
_FULL_SCALE = 1000

Rgb = NDArray[np.uint8]


class Cell(Struct, frozen=True):
    """What is in a cell: a shape or a digit with its colour and how far it stands off the middle; nothing is blank."""

    what: str = ""
    colour: str = ""
    right_px: int = 0
    down_px: int = 0

    @property
    def says(self) -> str:
        """The cell in words, for a caption that says everything."""
        return f"{self.colour} {self.what}" if self.what else "blank"


class DrawnTask(Struct, frozen=True):
    """A picture, its task, and a caption of all its cells; `seen` is what has to be looked at to answer, in words, and
    `answer` the reference as it is said after that.

    Both say a cell after its number, as one reads, from 1 on, and a caption says them in a drawn order: a small model
    learns to find a cell by the number that it has just said, and hardly one by a row and a column in a question, nor
    where captions go from cell to cell and the next can be found by the one before.
    """

    picture: Rgb
    task: Task
    caption: str
    seen: str
    answer: str

    @property
    def worked(self) -> str:
        """A right response in strict form, for a model that has yet to learn how it answers."""
        return f"{THINK}{self.seen}{THINK_END}{ANSWER}{BOX}{self.answer}{BOX_END}{ANSWER_END}"


def draw_task(domain: str, name: str, level: Difficulty = "easy") -> DrawnTask:
    """Draw the task of this name; `domain` is one of DRAWN."""
    random = np.random.default_rng(list(sha256(f"{domain}/{level}/{name}".encode()).digest()))
    return DRAWN[domain](random, level)


def _grid(random: np.random.Generator, side: int, *, digits: float) -> list[list[Cell]]:
    """Draw cells: blank, a digit by the share `digits` of what is not, or a shape."""
    return [[_cell(random, digits) for _ in range(side)] for _ in range(side)]


def _cell(random: np.random.Generator, digits: float) -> Cell:
    blank, digit, which, colour = random.random(), random.random(), random.random(), random.random()
    right, down = random.integers(-_JITTER_PX, _JITTER_PX + 1, 2).tolist()
    if blank < _BLANK:
        return Cell()
    named = tuple(COLOURS)[int(colour * len(COLOURS))]
    if digit < digits:
        return Cell(str(int(which * 10)), named, right, down)
    return Cell(SHAPES[int(which * len(SHAPES))], named, right, down)


def _painted(cells: Sequence[Sequence[Cell]]) -> Rgb:
    side = len(cells)
    picture = np.full((side * CELL_PX, side * CELL_PX, 3), _BACKGROUND, np.uint8)
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            area = picture[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
            area[0], area[:, 0] = _LINE, _LINE
            if cell.what:
                area[_mask(cell)] = COLOURS[cell.colour]
    return picture


def _mask(cell: Cell) -> NDArray[np.bool_]:
    """Return which pixels of a cell are painted."""
    y, x = np.mgrid[:CELL_PX, :CELL_PX]
    x, y = x - CELL_PX // 2 - cell.right_px, y - CELL_PX // 2 - cell.down_px
    if cell.what == "circle":
        return np.asarray(x * x + y * y <= 64)
    if cell.what == "square":
        return np.asarray((abs(x) <= 7) & (abs(y) <= 7))
    if cell.what == "triangle":
        return np.asarray((abs(x) * 2 <= y + 8) & (y <= 7))
    glyph = np.kron(GLYPHS[int(cell.what)], np.ones((3, 3), np.bool_))
    mask = np.zeros((CELL_PX, CELL_PX), np.bool_)
    top, left = CELL_PX // 2 - 7 + cell.down_px, CELL_PX // 2 - 4 + cell.right_px
    mask[top : top + 15, left : left + 9] = glyph
    return mask


def _caption(random: np.random.Generator, cells: Sequence[Sequence[Cell]]) -> str:
    return _numbered(cells, random.permutation(len(cells) ** 2))


def _numbered(cells: Sequence[Sequence[Cell]], places: Iterable[int]) -> str:
    """Say the cells at `places`, counted from 0 as one reads, each after its number."""
    side = len(cells)
    return ", ".join(f"{place + 1} {cells[place // side][place % side].says}" for place in places)


def _is_early(level: Difficulty) -> bool:
    """Say whether a level is one of those that ask for one thing only: any shape, one cell."""
    return LEVELS.index(level) <= LEVELS.index("easy")


def _count(random: np.random.Generator, level: Difficulty) -> DrawnTask:
    cells = _grid(random, _SIDES[level], digits=0.1)
    counted = SHAPES if _is_early(level) else (SHAPES[int(random.integers(len(SHAPES)))],)
    of_rows = [sum(cell.what in counted for cell in line) for line in cells]
    count = str(sum(of_rows))
    question = f"How many {'shape' if _is_early(level) else counted[0]}s are there?"
    task = Task("counting", question, count, skill="counting shapes", difficulty=level)
    return DrawnTask(
        _painted(cells), task, _caption(random, cells), f"{' + '.join(map(str, of_rows))} = {count}", count
    )


def _colour(random: np.random.Generator, level: Difficulty) -> DrawnTask:
    side = _SIDES[level]
    cells = _grid(random, side, digits=0.1)
    row, column = (int(place) for place in random.integers(side, size=2))
    if not cells[row][column].what:
        cells[row][column] = Cell("square", tuple(COLOURS)[int(random.integers(len(COLOURS)))])
    question = f"What colour is in row {row + 1}, column {column + 1}?"
    there = cells[row][column]
    task = Task("vqa", question, there.colour, skill="colour at a place", difficulty=level)
    seen = _numbered(cells, (row * side + column,))
    return DrawnTask(_painted(cells), task, _caption(random, cells), seen, there.colour)


def _digits(random: np.random.Generator, level: Difficulty) -> DrawnTask:
    side = _SIDES[level]
    cells = _grid(random, side, digits=0.7)
    row, column = (int(place) for place in random.integers(side, size=2))
    if _is_early(level):
        columns, question = range(column, column + 1), f"Which digit is in row {row + 1}, column {column + 1}?"
    else:
        columns, question = range(side), f"Which digits are in row {row + 1}?"
    if not any(cells[row][one].what.isdigit() for one in columns):
        cells[row][column] = Cell(str(int(random.integers(10))), "white")
    found = [cells[row][one].what for one in columns if cells[row][one].what.isdigit()]
    task = Task("ocr", question, "".join(found), skill="reading digits", difficulty=level)
    seen = _numbered(cells, (row * side + one for one in columns))
    return DrawnTask(_painted(cells), task, _caption(random, cells), seen, " ".join(found))


def _chart(random: np.random.Generator, level: Difficulty) -> DrawnTask:
    """Draw bars of whole cells from the ground up, one a column, each of another colour."""
    side = _SIDES[level]
    colours = [tuple(COLOURS)[place] for place in random.permutation(len(COLOURS))[:side]]
    heights = random.integers(1, side + 1, side).tolist()
    cells = [
        [Cell("square", colours[column]) if side - row <= heights[column] else Cell() for column in range(side)]
        for row in range(side)
    ]
    asked = int(random.integers(side))
    question, height = f"How many squares tall is the {colours[asked]} bar?", str(heights[asked])
    task = Task("chart", question, height, skill="height of a bar", difficulty=level)
    seen = _numbered(cells, range(asked, side * side, side))
    return DrawnTask(_painted(cells), task, _caption(random, cells), seen, height)


def _box(random: np.random.Generator, level: Difficulty) -> DrawnTask:
    """Draw cells of which one alone has what is asked for; its cell is the box, in thousandths of the picture."""
    side = _SIDES[level]
    cells = _grid(random, side, digits=0.1)
    row, column = (int(place) for place in random.integers(side, size=2))
    shape = SHAPES[int(random.integers(len(SHAPES)))]
    cells = [[Cell() if cell.what == shape else cell for cell in line] for line in cells]
    cells[row][column] = Cell(shape, tuple(COLOURS)[int(random.integers(len(COLOURS)))])
    left, top, right, bottom = (round(_FULL_SCALE * place / side) for place in (column, row, column + 1, row + 1))
    task = Task(
        "grounding",
        f"Where is the {shape}? Give its cell as [left, top, right, bottom] in thousandths.",
        f"[[{left},{top},{right},{bottom}]]",
        skill="place of a shape",
        difficulty=level,
    )
    seen = f"{_numbered(cells, (row * side + column,))} in row {row + 1}, column {column + 1}"
    return DrawnTask(_painted(cells), task, _caption(random, cells), seen, task.reference)


DRAWN: dict[str, Callable[[np.random.Generator, Difficulty], DrawnTask]] = {
    "counting": _count,
    "colour": _colour,
    "digits": _digits,
    "chart": _chart,
    "box": _box,
}
"""What can be drawn, by its name."""
