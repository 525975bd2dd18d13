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

_HYPHEN = "\x02"
"""What pdfium writes for a hyphen at a line's end, with no line break behind it."""
_LINE = re.compile("[^\r\n\x02]+\x02?")
_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff]")
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
    """Yield the lines of a page in the order of the file.

    Where a line lies is asked of its first and its last letter alone: to ask of each takes a hundred times as long.
    """
    read = _Reader(text_page.raw)
    for found in _LINE.finditer(read.text()):
        visible = [found.start() + at for at, letter in enumerate(found[0]) if letter > " "]
        if not visible:
            continue
        first, last = visible[0], visible[-1] - (found[0][-1] == _HYPHEN and visible[-1] > visible[0])
        text = read.turned(found.start(), found[0]) if _FROM_THE_RIGHT.search(found[0]) else found[0]
        boxes = [read.box(first), read.box(last)]
        lefts, bottoms, rights, tops = zip(*boxes, strict=True)
        yield Line(text, min(lefts), min(bottoms), max(rights), max(tops), *read.style(first, last))


class _Reader:
    """Asks pdfium about the characters of a page."""

    def __init__(self, handle: Any) -> None:
        from pypdfium2 import raw

        self._raw, self._handle = raw, handle
        self._numbers = [ctypes.c_double() for _ in range(4)]
        self._given = [ctypes.byref(one) for one in self._numbers]
        self._rect, self._matrix, self._name = raw.FS_RECTF(), raw.FS_MATRIX(), ctypes.create_string_buffer(128)

    def text(self) -> str:
        """Return the characters, one for each of pdfium's; one that it knows no letter for is a blank."""
        count = self._raw.FPDFText_CountChars(self._handle)
        buffer = (ctypes.c_ushort * (count + 1))()
        if self._raw.FPDFText_GetText(self._handle, 0, count, buffer) == count + 1:
            units = bytes(buffer)[: 2 * count]
            text = units.decode("utf-16-le", "replace")
            if len(text) == count:
                return text
        codes = (self._raw.FPDFText_GetUnicode(self._handle, at) for at in range(count))
        return "".join(chr(code) if 0 < code < 0x110000 else " " for code in codes)

    def box(self, at: int) -> Box:
        """Return left, bottom, right and top of a letter, as high as letters of its font are."""
        self._raw.FPDFText_GetLooseCharBox(self._handle, at, self._rect)
        return self._rect.left, self._rect.bottom, self._rect.right, self._rect.top

    def turned(self, start: int, text: str) -> str:
        """Return a line in which letters that one sign stands for (the lam and alef of Arabic) are in their order: they
        have one box, and come from left to right in a line that is read from the right."""
        found = ""
        for _, run in groupby(enumerate(text, start), key=lambda pair: self._glyph(*pair)):
            said = [letter for _, letter in run]
            found += "".join(reversed(said))
        return found

    def _glyph(self, at: int, letter: str) -> object:
        """Return what letters of one sign have in common, and letters of others do not."""
        if not _FROM_THE_RIGHT.match(letter) or not self._raw.FPDFText_GetCharBox(self._handle, at, *self._given):
            return at
        return tuple(one.value for one in self._numbers)

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
        if bare.endswith(_HYPHEN) or (re.search(r"[a-zà-ÿ]-$", bare) and re.match(r"[a-zà-ÿ]", more)):
            text = bare[:-1] + more
        else:
            text = f"{bare} {more}"
    text = _NO_TEXT.sub("", text.replace(_HYPHEN, "-"))
    return Block(
        " ".join(text.split()),
        min(line.left for line in run),
        min(line.bottom for line in run),
        max(line.right for line in run),
        max(line.top for line in run),
        median(line.size for line in run),
        all(line.is_bold for line in run),
    )
