"""Flow: words as they are read, cut into texts where a block begins or ends, with pictures between them."""

from __future__ import annotations

import re

from pipelines.documents.pieces import ALT, CODE, PARAGRAPH, Piece, Words

_BLANK = re.compile(r"[^\S\n]*\n\s*|[^\S\n]+")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")


class Flow:
    """Collects pieces; `role` is that of the words which come."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.role = PARAGRAPH
        self._words: list[str] = []

    def say(self, text: str | None) -> None:
        """Add words to the text that is being said."""
        if text:
            self._words.append(text)

    def cell(self) -> None:
        """Begin another cell of a row."""
        if any(word.strip() for word in self._words):
            self._words.append(" | ")

    def end(self, role: str = PARAGRAPH) -> None:
        """End the text that is being said; the next one has this role."""
        text = "".join(self._words)
        text = text.strip("\n").rstrip() if self.role == CODE else plain(text)
        if text.strip(" |\n"):
            self.pieces.append(Words(text, self.role))
        self._words, self.role = [], role

    def picture(self, piece: Piece, alt: str = "") -> None:
        """Put a picture where the words have come to; what stands for it where it is not shown follows it."""
        self.end(self.role)
        self.pieces.append(piece)
        if alt := plain(alt):
            self.pieces.append(Words(alt, ALT))


def plain(text: str) -> str:
    """Return a text with its blanks as single ones, its line breaks kept, and nothing invisible in it."""
    return _BLANK.sub(lambda found: "\n" if "\n" in found[0] else " ", _INVISIBLE.sub("", text)).strip()
