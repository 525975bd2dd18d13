"""Captions: a text that says so and stands beside a picture is its caption."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import structs

from pipelines.documents.pieces import ALT, CAPTION, PARAGRAPH, Piece, Words

_SAYS_SO = re.compile(
    r"(?:fig(?:ure|\.)?|abb(?:ildung|\.)?|figura|plate|chart|diagram|picture|photo|image|exhibit|scheme|map|図|图|圖|그림|شكل)"
    r"\s*[A-Z]?\d+[\d.-]*",
    re.IGNORECASE,
)


def captioned(pieces: Sequence[Piece]) -> list[Piece]:
    """Return pieces in which a paragraph beside a picture that begins with 'Figure 3' or the like is a caption."""
    return [
        structs.replace(piece, role=CAPTION)
        if isinstance(piece, Words)
        and piece.role == PARAGRAPH
        and _SAYS_SO.match(piece.text)
        and _beside_picture(pieces, at)
        else piece
        for at, piece in enumerate(pieces)
    ]


def _beside_picture(pieces: Sequence[Piece], at: int) -> bool:
    before, after = at - 1, at + 1
    while before >= 0 and getattr(pieces[before], "role", "") == ALT:
        before -= 1
    return any(0 <= place < len(pieces) and not isinstance(pieces[place], Words) for place in (before, after))
