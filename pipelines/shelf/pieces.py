"""Pieces as files: which of an annotator's files count, while and after they are compacted.

A compacted piece takes the place of number 0000 and says how many pieces it stands for; the files that it stands for
are then removed. Who reads by number sees either the pieces or the one that stands for them. A glob would see both, so
a mark lies in the folder for as long as both may be there, and whoever globs asks here first.
"""

from __future__ import annotations

from pipelines.shelf.notes import piece_path, pieces_in
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import open_table

MARK = ".compacting"

Numbers = dict[str, list[int]]
"""The numbers of the pieces that are there, by shard."""


def mark_path(shelf: Shelf, annotator_id: str) -> str:
    """Return the path of the mark that an annotator's pieces are being compacted."""
    return shelf.path("notes", annotator_id, MARK)


def is_marked(shelf: Shelf, annotator_id: str) -> bool:
    """Say whether an annotator's pieces are being compacted, or a compaction of them was killed."""
    return bool(shelf.fs.isfile(mark_path(shelf, annotator_id)))


def is_noted(shelf: Shelf, annotator_id: str) -> bool:
    """Say whether an annotator has a piece on a shelf: it has none where every sample ended before it."""
    return bool(shelf.names(f"notes/{annotator_id}", ".parquet"))


def numbered(shelf: Shelf, annotator_id: str) -> Numbers:
    """Return the pieces of an annotator that are there."""
    found: Numbers = {}
    for name in shelf.names(f"notes/{annotator_id}", ".parquet"):
        shard, _, number = name.partition("-")
        found.setdefault(shard, []).append(int(number))
    return found


def standing(shelf: Shelf, annotator_id: str) -> list[str]:
    """Return the paths of the pieces that count: those that another stands for are left out."""
    return [
        piece_path(shelf, annotator_id, shard, number)
        for shard, numbers in numbered(shelf, annotator_id).items()
        for number in (numbers if len(numbers) == 1 else _counting(shelf, annotator_id, shard, numbers))
    ]


def _counting(shelf: Shelf, annotator_id: str, shard: str, numbers: list[int]) -> list[int]:
    with open_table(shelf.fs, piece_path(shelf, annotator_id, shard, 0)) as first:
        stands_for = pieces_in(first)
    return [number for number in numbers if number == 0 or number >= stands_for]
