"""What a document is taken apart into: texts by role and pictures, in the order in which they are read."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from schemas.errors import BadSample

PARAGRAPH, HEADING, CAPTION, ALT, CODE = "paragraph", "heading", "caption", "alt", "code"
EMBEDDED_MIB = 128
"""What the pictures that a document itself holds may take together: they lie in memory, in a child and its parent."""


class Words(Struct, frozen=True, tag="words"):
    """A text and its role."""

    text: str
    role: str = PARAGRAPH


class Held(Struct, frozen=True, tag="held"):
    """A picture whose bytes the document itself holds; `source` is what it calls it, `link` where it links to."""

    data: bytes
    source: str = ""
    link: str = ""


class Named(Struct, frozen=True, tag="named"):
    """A picture that lies beside the document, by the address that the document gives it; `link` is where it links
    to."""

    source: str
    link: str = ""


class Missing(Struct, frozen=True, tag="missing"):
    """A picture that cannot be had, and why."""

    source: str
    why: Literal["remote", "not_there", "outside_source", "unknown_format", "empty_file", "bad_data_uri", "undecodable"]


Piece = Words | Held | Named | Missing


class Pieces(Struct, frozen=True):
    """A document in pieces, with what it says of itself."""

    pieces: list[Piece]
    title: str = ""
    uri: str = ""
    licence: str = ""
    about: dict[str, Any] = {}


def to_json(pieces: Pieces) -> str:
    """Return a document as a child hands it over; raises BadSample where its pictures are too large together."""
    held = sum(len(piece.data) for piece in pieces.pieces if isinstance(piece, Held))
    if held > EMBEDDED_MIB << 20:
        raise BadSample("too_large", f"the pictures that it holds have {held} bytes, more than {EMBEDDED_MIB} MiB")
    return msgspec.json.encode(pieces).decode()


def from_json(text: str) -> Pieces:
    """Read a document back."""
    return msgspec.json.decode(text, type=Pieces)
