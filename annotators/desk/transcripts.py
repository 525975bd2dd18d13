"""Transcripts: what is written somewhere, compared letter by letter.

Text is normalised first (NFC, white space as one space, none at the ends); agreement is 1 less the character error
rate, edits over the letters of the longer text. Text that cannot be read is `###`, and agrees with itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

import msgspec
from msgspec import Struct

from annotators.desk.item import Notes
from schemas.errors import BadInput

ILLEGIBLE = "###"


class Transcripts(Struct, frozen=True):
    """Compares texts place by place; `longest` is how many letters one may have."""

    longest: int = 10_000

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return the least agreement of the texts at one place, 0 where one person left a place out."""
        mine, theirs = _texts(one), _texts(other)
        if mine.keys() != theirs.keys():
            return 0.0
        return min((alike(mine[place], theirs[place]) for place in mine), default=1.0)

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what all wrote, None where somebody wrote something else: letters are never averaged."""
        first = _texts(all_of_them[0])
        return all_of_them[0] if all(_texts(notes) == first for notes in all_of_them) else None

    def problem(self, notes: Notes) -> str:
        """Say whether something is no text, is empty or too long, or a place has two."""
        if any(not isinstance(note.value, str) for note in notes):
            return "not_a_text"
        if any(not plain(str(note.value)) for note in notes):
            return "empty"
        if any(len(str(note.value)) > self.longest for note in notes):
            return "too_long"
        return "answered_twice" if len(_texts(notes)) < len(notes) else ""


def plain(text: str) -> str:
    """Return a text as it is compared."""
    return " ".join(normalize("NFC", text).split())


def alike(one: str, other: str) -> float:
    """Return 1 less the character error rate of two plain texts."""
    if ILLEGIBLE in (one, other):
        return float(one == other)
    return float(_levenshtein().normalized_similarity(one, other))


def _levenshtein() -> Any:
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("comparing texts needs rapidfuzz", where="desk", remedy=remedy) from None
    return Levenshtein


def _texts(notes: Notes) -> dict[tuple[str, bytes], str]:
    return {(note.name, msgspec.json.encode(note.at)): plain(str(note.value)) for note in notes}
