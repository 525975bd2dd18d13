"""Notes on places, as the pieces of a shard hold them."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.shelf.notes import read_pieces
from pipelines.shelf.shelf import Shelf
from schemas.tables import PLACES


def places_of(shelf: Shelf, annotators: Iterable[str], shard: str) -> dict[int, list[tuple[str, str]]]:
    """Return what these annotators (name@fingerprint) noted on places, by row: who, and the notes as JSON."""
    found: dict[int, list[tuple[str, str]]] = {}
    for one in annotators:
        for _, piece in read_pieces(shelf, one, shard, columns=["row", PLACES]):
            if PLACES not in piece.column_names:
                break
            for row, said in zip(piece["row"].to_pylist(), piece[PLACES].to_pylist(), strict=True):
                if said:
                    found.setdefault(row, []).append((one, said))
    return found
