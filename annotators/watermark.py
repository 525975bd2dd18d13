"""Watermark: text that was laid over a picture, told from text that stands in the scene, by what it says and where.

It looks at no pixel, only at what an annotator of scene text found. A name of a picture agency is a mark wherever it
stands, and so is one text repeated all over the picture. Handles, links and copyright lines are on vans and posters
too: they are marks where they lie small along an edge, `proof` and its like where they are large or repeated. Logos
without letters are not seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import ClassVar

from msgspec import Struct

from annotators.annotator import Annotator, Subject
from schemas.note import Noted
from schemas.vocabulary.safety import WATERMARK, WATERMARK_TEXT, WATERMARKS
from schemas.vocabulary.scene_text import SCENE_TEXT_BOXES, SCENE_TEXTS

AGENCIES = re.compile(
    r"""\b(?: shutter\ ?stock | getty\ ?images? | alamy | dreamstime | i\ ?stock(?:\ ?photos?)? | 123\ ?rf
    | deposit\ ?photos | (?:adobe|big|can|vector|pond5|age\ foto|agefoto|super)\ ?stock(?:\ ?photos?)? | fotolia
    | freepik | pngtree | fotosearch | featurepics | masterfile | picfair | 500px | stock\ ?photo | colourbox
    | vecteezy | pikbest | lovepik | visual\ china\ group )(?:\.(?:com|de|co\.uk))?\b""",
    re.IGNORECASE | re.VERBOSE,
)
PROOF = re.compile(
    r"(?:sample|preview|proof|watermark(?:ed)?|specimen|do not copy|not for (?:resale|sale|reuse)|for review only)\W*",
    re.IGNORECASE,
)
COPYRIGHT = re.compile(
    r"(?:©|\(c\)\s?(?=[a-z12])|copyright\b|photo(?:graphy)? (?:by|©)\b).*|.*\ball rights reserved\W*", re.IGNORECASE
)
HANDLE = re.compile(r"(?:(?:ig|insta(?:gram)?|twitter|tiktok)\s?:?\s?)?@\s?[a-z][\w.]{2,29}", re.IGNORECASE)
LINK = re.compile(
    r"(?:https?://\S+|www\.\S{4,}|(?:[a-z0-9-]{2,}\.)+(?:com|net|org|info|biz|photos?|co\.uk|de|fr|cn|ru)(?:/\S*)?)",
    re.IGNORECASE,
)
_EDGE = 0.15
_SMALL, _LARGE = 0.06, 0.25
_REPEATS, _LETTERS, _SPREAD, _MOST_OF = 5, 4, 0.5, 0.5


class Piece(Struct, frozen=True):
    """A piece of text and its box, as shares of the picture's sides."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def along_an_edge(self) -> bool:
        """Whether it is a small line that lies in the strip along one of the edges."""
        width, height = self.right - self.left, self.bottom - self.top
        near = self.top >= 1 - _EDGE or self.bottom <= _EDGE or self.left >= 1 - _EDGE or self.right <= _EDGE
        return near and min(width, height) <= _SMALL

    @property
    def is_large(self) -> bool:
        """Whether it reaches over a good part of the picture."""
        return max(self.right - self.left, self.bottom - self.top) >= _LARGE


class Watermark(Annotator, frozen=True):
    """Writes the surest mark; stands behind an annotator that writes scene texts."""

    reads: ClassVar = (SCENE_TEXTS.name, SCENE_TEXT_BOXES.name)
    writes: ClassVar = (WATERMARK, WATERMARK_TEXT)

    def look(self, subject: Subject) -> Noted:
        texts, boxes = subject.notes[SCENE_TEXTS.name], subject.notes[SCENE_TEXT_BOXES.name]
        pieces = [Piece(str(text), *map(float, boxes[4 * at : 4 * at + 4])) for at, text in enumerate(texts)]
        kind, text = mark_of(pieces)
        return Noted({WATERMARK.name: kind, WATERMARK_TEXT.name: text})


def mark_of(pieces: Sequence[Piece]) -> tuple[str, str]:
    """Return the surest mark's kind and what it says, empty where there is none."""
    tiled = tiles(pieces)
    is_mark: dict[str, Callable[[Piece], bool]] = {
        "stock_mark": lambda one: bool(AGENCIES.search(one.text)),
        "proof_mark": lambda one: bool(PROOF.fullmatch(one.text.strip())) and (one.is_large or one in tiled),
        "tiled_text": lambda one: one in tiled,
        "copyright_line": lambda one: one.along_an_edge and bool(COPYRIGHT.fullmatch(one.text.strip())),
        "handle": lambda one: one.along_an_edge and bool(HANDLE.fullmatch(one.text.strip())),
        "link": lambda one: one.along_an_edge and bool(LINK.fullmatch(one.text.strip())),
    }
    for kind in WATERMARKS:
        for one in pieces:
            if is_mark[kind](one):
                return kind, one.text
    return "", ""


def tiles(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces of a text that stands five times or more all over the picture and is most of what stands there.

    A brand on a hoarding is repeated along one line, a word of a form down one column, and the labels of a diagram
    stand among others.
    """
    same: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        letters = "".join(filter(str.isalpha, piece.text.casefold()))
        if len(letters) >= _LETTERS:
            same[letters].append(piece)
    return [piece for found in same.values() if _spread(found, len(pieces)) for piece in found]


def _spread(found: Sequence[Piece], of: int) -> bool:
    if len(found) < max(_REPEATS, of * _MOST_OF):
        return False
    across = [(one.left + one.right) / 2 for one in found]
    down = [(one.top + one.bottom) / 2 for one in found]
    return max(across) - min(across) >= _SPREAD and max(down) - min(down) >= _SPREAD
