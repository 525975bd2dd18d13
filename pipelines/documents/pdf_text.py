"""The texts of a PDF's page: characters in the order of the file, as lines, and lines as blocks.

Nearly every program writes a page in the order in which it is read, columns too, so that the order of the file is the
best guess; where lines lie only says where blocks begin. A block is a run of lines with letters of one size that follow
each other at one distance.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from math import hypot
from statistics import median
from typing import Any, NamedTuple

_HYPHEN = 2
"""What pdfium writes for a hyphen at a line's end, with no line break behind it."""
_ENDS = (10, 13, _HYPHEN)
_GAP, _UNEVEN, _INDENT = 1.8, 1.25, 0.8
_BOLD, _BOLD_NAME = 600, re.compile(rb"bold|black|heavy|CMBX|BX\d", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[•‣▪●○◦·–—*\uf0a7\uf0b7-]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\u00ad\ud800-\udfff\ufffe\uffff]")

Box = tuple[float, float, float, float]


class Line(NamedTuple):
    """A line: its text, its box in points from the lower left, the size of its letters, and whether they are bold."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    is_bold: bool = False


Block = Line
"""Lines that are one paragraph or one heading, joined."""


def lines_of(text_page: Any) -> Iterator[Line]:
    """Yield the lines of a page in the order of the file."""
    from pypdfium2 import raw

    handle = text_page.raw
    read = _Reader(handle)
    letters: list[tuple[str, Box | None]] = []
    first = last = -1
    for at in range(raw.FPDFText_CountChars(handle)):
        code = raw.FPDFText_GetUnicode(handle, at)
        if code not in _ENDS:
            if code > 32:
                first, last = at if first < 0 else first, at
            letters.append((chr(code) if 0 < code < 0x110000 else "", read.box(at) if code > 32 else None))
            continue
        if code == _HYPHEN:
            letters.append((chr(_HYPHEN), None))
        if first >= 0:
            yield _line(letters, *read.style(first, last))
        letters, first = [], -1
    if first >= 0:
        yield _line(letters, *read.style(first, last))


class _Reader:
    """Asks pdfium about one character of a page."""

    def __init__(self, handle: Any) -> None:
        from pypdfium2 import raw

        self._raw, self._handle = raw, handle
        self._numbers = [ctypes.c_double() for _ in range(4)]
        self._given = [ctypes.byref(one) for one in self._numbers]
        self._matrix, self._name = raw.FS_MATRIX(), ctypes.create_string_buffer(128)

    def box(self, at: int) -> Box | None:
        """Return left, bottom, right and top."""
        if not self._raw.FPDFText_GetCharBox(self._handle, at, *self._given):
            return None
        left, right, bottom, top = (one.value for one in self._numbers)
        return left, bottom, right, top

    def style(self, at: int, end: int) -> tuple[float, bool]:
        """Return the size of a line's first letter in points, and whether it and the last one are bold."""
        size: float = self._raw.FPDFText_GetFontSize(self._handle, at)
        if self._raw.FPDFText_GetMatrix(self._handle, at, self._matrix):
            size *= hypot(self._matrix.c, self._matrix.d)
        return round(size, 2), self._is_bold(at) and self._is_bold(end)

    def _is_bold(self, at: int) -> bool:
        if self._raw.FPDFText_GetFontWeight(self._handle, at) >= _BOLD:
            return True
        self._raw.FPDFText_GetFontInfo(self._handle, at, self._name, len(self._name), None)
        return _BOLD_NAME.search(self._name.value) is not None


def _line(letters: list[tuple[str, Box | None]], size: float, is_bold: bool) -> Line:
    """Join letters. What one sign stands for (the lam and alef of Arabic) has one box, and its letters come to us from
    left to right, whatever the way of the line: those of one that is read from the right are turned."""
    text = ""
    for box, run in groupby(letters, key=lambda pair: pair[1]):
        said = [letter for letter, _ in run]
        text += "".join(said[::-1] if box and len(said) > 1 and all("\u0590" <= c <= "\u08ff" for c in said) else said)
    boxes = [box for _, box in letters if box] or [(0.0, 0.0, 0.0, 0.0)]
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return Line(text, min(lefts), min(bottoms), max(rights), max(tops), size, is_bold)


def blocks_of(lines: Iterator[Line]) -> list[Block]:
    """Join lines to blocks."""
    found, run = list[Block](), list[Line]()
    for line in lines:
        if run and not _goes_on(run, line):
            found.append(_block(run))
            run = []
        run.append(line)
    return [*found, _block(run)] if run else found


def _goes_on(run: list[Line], line: Line) -> bool:
    """Say whether a line goes on with the block: close below or in one row with it, with letters of its size."""
    last = run[-1]
    if not 0.85 * last.size <= line.size <= 1.18 * last.size or _BULLET.match(line.text):
        return False
    if line.is_bold != last.is_bold:
        return False
    overlap = min(line.top, last.top) - max(line.bottom, last.bottom)
    if overlap > 0.5 * min(line.top - line.bottom, last.top - last.bottom):
        return True
    step = _middle(last) - _middle(line)
    steps = [_middle(above) - _middle(below) for above, below in pairwise(run)]
    usual = median(steps) if steps else 0.0
    most = _GAP * max(last.size, last.top - last.bottom)
    if not 0 < step <= (min(most, _UNEVEN * usual) if usual > 0 else most):
        return False
    if min(line.right, last.right) <= max(line.left, last.left):
        return False
    indented = line.left - last.left > _INDENT * line.size
    return not (indented and last.text.rstrip().endswith((".", ":", "!", "?", "。")))


def _middle(line: Line) -> float:
    return (line.bottom + line.top) / 2


def _block(run: list[Line]) -> Block:
    text = run[0].text
    for line in run[1:]:
        bare, more = text.rstrip(), line.text.lstrip()
        if bare.endswith(chr(_HYPHEN)) or (re.search(r"[a-zà-ÿ]-$", bare) and re.match(r"[a-zà-ÿ]", more)):
            text = bare[:-1] + more
        else:
            text = f"{bare} {more}"
    text = _NO_TEXT.sub("", text.replace(chr(_HYPHEN), "-"))
    return Block(
        " ".join(text.split()),
        min(line.left for line in run),
        min(line.bottom for line in run),
        max(line.right for line in run),
        max(line.top for line in run),
        median(line.size for line in run),
        all(line.is_bold for line in run),
    )
