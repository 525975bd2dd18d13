"""What a row has said so far: its tokens as text, released as soon as no stop can begin in it any more."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NamedTuple

from trainer.engine.engine import Drawn, Finish


class Heard(NamedTuple):
    """Text that was released, the tokens that it came from, and why nothing follows, if so."""

    row: int
    text: str
    tokens: tuple[Drawn, ...]
    finish: Finish | None


class Spoken:
    """One row's text; a token may be part of a character, which is said once it is whole."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._released = 0
        self._held_text = ""
        self._held: list[tuple[int, Drawn]] = []

    def hear(self, drawn: Drawn, content: bytes) -> Heard:
        """Take a token and what it stands for, which for the one that ends an answer is nothing."""
        if drawn.finish != "stop":
            self._held.append((self._released + len(self._held_text), drawn))
        text = self._held_text + self._decoder.decode(content, final=drawn.finish is not None)
        if (ends := self._ends(text)) is not None:
            return self._release(drawn.row, text, ends, "stop")
        upto = len(text) - (0 if drawn.finish else self._may_begin(text))
        return self._release(drawn.row, text, upto, drawn.finish)

    def _ends(self, text: str) -> int | None:
        """Return where the first stop begins, if there is one."""
        found = [at for at in (text.find(stop) for stop in self._stops) if at >= 0]
        return min(found, default=None)

    def _may_begin(self, text: str) -> int:
        """Return how many characters at the end may be the beginning of a stop."""
        lengths = [size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size])]
        return max(lengths, default=0)

    def _release(self, row: int, text: str, upto: int, finish: Finish | None) -> Heard:
        """Release text up to a place, and the tokens that begin before it; a token without text goes with all of it."""
        self._released += upto
        self._held_text = text[upto:]
        whole = not self._held_text
        told = tuple(drawn for begin, drawn in self._held if whole or begin < self._released)
        self._held = self._held[len(told) :]
        return Heard(row, text[:upto], told, finish)
