"""Choices of a question, read from its text: lettered lines under it, or one line of lettered choices."""

from __future__ import annotations

import re
from string import ascii_uppercase

from msgspec import Struct

_LINE = re.compile(r"\s*\(?([A-Z])[).:]\s*(.*)")
_INLINE = re.compile(r"(?:^|(?<=\s))\(?([A-Z])\)\s*")
_ANSWER = re.compile(r"\(?([A-Z])\)?[.:]?")


class Choices(Struct, frozen=True):
    """A question without its choices, what stands behind them, and the choices in the order of their letters."""

    stem: str
    texts: tuple[str, ...]
    behind: str = ""

    def place_of(self, answer: str) -> int | None:
        """Return which choice an answer is, by its text, its letter or both; None where it is none of them."""
        said = answer.strip()
        if said in self.texts:
            return self.texts.index(said)
        letter = _ANSWER.fullmatch(said)
        both = _LINE.fullmatch(said)
        if both and both[2].strip() in self.texts:
            letter = both
        place = ascii_uppercase.index(letter[1]) if letter else len(self.texts)
        return place if place < len(self.texts) else None


def split_choices(question: str) -> Choices | None:
    """Return a question taken apart, None where it has no choices."""
    lines = question.rstrip().split("\n")
    for first in range(len(lines)):
        texts = _lettered(lines[first:])
        if len(texts) > 1:
            return Choices("\n".join(lines[:first]).strip(), texts, "\n".join(lines[first + len(texts) :]).strip())
        one = _LINE.match(lines[first])
        if one and one[1] == "A" and len(inline := _inline(lines[first])) > 1:
            return Choices("\n".join(lines[:first]).strip(), inline, "\n".join(lines[first + 1 :]).strip())
    return None


def _lettered(lines: list[str]) -> tuple[str, ...]:
    """Return the texts of lines that begin with A, B, C and so on."""
    found = []
    for letter, line in zip(ascii_uppercase, lines, strict=False):
        one = _LINE.fullmatch(line)
        if not one or one[1] != letter:
            break
        found.append(one[2].strip())
    return tuple(found)


def _inline(line: str) -> tuple[str, ...]:
    """Return the texts between A), B), C) and so on in one line."""
    marks = list[re.Match[str]]()
    for mark in _INLINE.finditer(line):
        if mark[1] == ascii_uppercase[len(marks)]:
            marks.append(mark)
    ends = [*(mark.start() for mark in marks[1:]), len(line)]
    return tuple(line[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=False))
