"""Pictures that an extractor of text lost: put back where they stood between texts that it took.

An extractor weighs words, so that a figure, which has none, goes easily. The whole page, walked in the same way, tells
where each picture stood: one whose neighbouring texts on both sides are the article's is the article's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipelines.documents.pieces import ALT, CAPTION, HEADING, Piece, Words

_LEAST_CHARS = 30
"""A text is known again by these: shorter ones stand anywhere on a page."""
_STRANGE_CHARS = 600
"""With more than these of other texts between, a picture is no neighbour of the article's text."""


def with_pictures(article: Sequence[Piece], whole: Sequence[Piece]) -> list[Piece]:
    """Return an article with the pictures (and what stands under them) that the whole page has between its texts, and
    those between the last heading before them and the first of them."""
    there = {id(piece) for piece in article if not isinstance(piece, Words)}
    known: dict[str, int] = {}
    for place, piece in enumerate(article):
        if _is_told(piece):
            known.setdefault(_name(piece), place)
    before, after = list(_neighbours(whole, known)), list(_neighbours(reversed(whole), known))[::-1]
    first, headed, lost = min(known.values(), default=-1), False, False
    behind: dict[int, list[Piece]] = {}
    for at, piece in enumerate(whole):
        if isinstance(piece, Words):
            if piece.role == HEADING and before[at] < 0:
                headed = True
                behind.pop(-1, None)
            if lost and piece.role in (ALT, CAPTION) and piece not in article:
                behind[before[at]].append(piece)
            lost = lost and piece.role in (ALT, CAPTION)
            continue
        opens = headed and before[at] < 0 <= after[at] == first
        lost = id(piece) not in there and (opens or 0 <= before[at] <= after[at])
        if lost:
            behind.setdefault(before[at], []).append(piece)
    rest = [one for place, piece in enumerate(article) for one in (piece, *behind.get(place, ()))]
    return [*behind.get(-1, ()), *rest]


def _neighbours(pieces: Iterable[Piece], known: dict[str, int]) -> Iterator[int]:
    """Yield, for each piece, the place in the article of the last of its texts that came, -1 where that is far."""
    place, strange_chars = -1, 0
    for piece in pieces:
        yield place
        if _is_told(piece):
            strange_chars += len(_name(piece))
            if (found := known.get(_name(piece), -1)) >= 0:
                place, strange_chars = found, 0
            elif strange_chars > _STRANGE_CHARS:
                place = -1


def _is_told(piece: Piece) -> bool:
    return isinstance(piece, Words) and piece.role not in (ALT, CAPTION) and len(piece.text) >= _LEAST_CHARS


def _name(piece: Piece) -> str:
    return "".join(piece.text.split()) if isinstance(piece, Words) else ""
