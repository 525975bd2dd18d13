"""Choices: answers that are right or wrong as a whole, one for each question and place.

Agreement is the share of questions that two people answer alike; a list is one answer, and its order does not count.
People agree only where all answers are the same: nothing is ever put to the vote.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from annotators.desk.item import Notes
from schemas.note import Note


class Choices(Struct, frozen=True):
    """Compares answers; a note whose name is not among `allowed` cannot stand, nor can a value that its name lacks.

    A name with no values may have any value.
    """

    allowed: dict[str, tuple[str, ...]] = {}

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return the share of all questions that both answer, and alike."""
        mine, theirs = _answers(one), _answers(other)
        asked = mine.keys() | theirs.keys()
        return sum(mine.get(name) == theirs.get(name) for name in asked) / len(asked) if asked else 1.0

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what all of them say, None where one says something else."""
        first = _answers(all_of_them[0])
        return all_of_them[0] if all(_answers(notes) == first for notes in all_of_them) else None

    def problem(self, notes: Notes) -> str:
        """Say whether a question is answered twice, or an answer is none that may be given."""
        if len(_answers(notes)) < len(notes):
            return "answered_twice"
        for note in notes:
            if self.allowed and note.name not in self.allowed:
                return "unknown_question"
            values = note.value if isinstance(note.value, list) else [note.value]
            known = self.allowed.get(note.name, ())
            if known and not all(value in known for value in values):
                return "unknown_label"
        return ""


def _answers(notes: Notes) -> dict[tuple[str, bytes], object]:
    return {(note.name, msgspec.json.encode(note.at)): _plain(note) for note in notes}


def _plain(note: Note) -> object:
    return tuple(sorted(map(str, note.value))) if isinstance(note.value, list) else note.value
