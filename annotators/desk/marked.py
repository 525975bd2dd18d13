"""Marked: spans or tracks with a label each, and what people say about each of them.

The labels on their places are compared and merged as segments or tracks are; what is said about a place is compared
where two people marked the same one. Who says nothing to a question contradicts nobody: an answer is compared with
answers alone. What stands in free words is not compared at all, and the first who wrote something is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from annotators.desk.item import Notes
from annotators.desk.segments import Segments
from annotators.desk.tracks import Tracks
from annotators.desk.transcripts import alike, plain
from schemas.note import At, Note, Value

How = Literal["same", "letters", "free"]
"""How two answers are compared: equal or not, by their character error rate, or not at all."""


class Marked:
    """Compares what is marked under a name, and what the fields say of it."""

    def __init__(self, name: str, places: Segments | Tracks, fields: Mapping[str, How]) -> None:
        self._name, self._places, self._fields = name, places, dict(fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the notes that are compared here."""
        return (self._name, *self._fields)

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return the agreement on places and labels, or that on a field where it is less."""
        mine, theirs = _regions(one, self._name), _regions(other, self._name)
        pairs = self._places.paired(tuple(mine), tuple(theirs))
        found = [self._places.agreement(tuple(mine), tuple(theirs))]
        for name, how in self._fields.items():
            said = [(mine[a].get(name), theirs[b].get(name)) for a, b in pairs]
            shares = [compared(how, a, b) for a, b in said if a is not None and b is not None]
            if shares:
                found.append(sum(shares) / len(shares))
        return min(found)

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what all marked at the mean of their places; None where one marked one alone, or answers differ."""
        split = [_regions(notes, self._name) for notes in all_of_them]
        groups = self._places.grouped([tuple(one) for one in split])
        if groups is None:
            return None
        found = list[Note]()
        for group in groups:
            place = self._places.mean(group)
            found.append(place)
            for name, how in self._fields.items():
                said = [value for one, note in zip(split, group, strict=True) if (value := one[note].get(name))]
                if said and how != "free" and any(compared(how, said[0], value) < 1 for value in said[1:]):
                    return None
                found += [Note(name, said[0], place.at)] if said else []
        ats = [place.at for place in found if place.name == self._name]
        return None if len(set(ats)) < len(ats) and self._fields else tuple(found)

    def problem(self, notes: Notes) -> str:
        """Say what is wrong with a place, or whether something is said of none; two of a kind may overlap where what is
        said of them differs: two people speak at once."""
        marked = {note.at for note in notes if note.name == self._name}
        if any(note.at not in marked for note in notes):
            return "nothing_marked_there"
        alike = dict[str, list[Note]]()
        for note, said in _regions(notes, self._name).items():
            alike.setdefault(repr(sorted(said.items())), []).append(note)
        return next((why for same in alike.values() if (why := self._places.problem(tuple(same)))), "")


def compared(how: How, one: Value, other: Value) -> float:
    """Return how far two answers agree."""
    if how == "free":
        return 1.0
    if how == "letters":
        return alike(plain(str(one)), plain(str(other)))
    lists = isinstance(one, list) and isinstance(other, list)
    return float(sorted(map(str, one)) == sorted(map(str, other)) if lists else one == other)  # type: ignore[arg-type]


def _regions(notes: Notes, name: str) -> dict[Note, dict[str, Value]]:
    """Return what is said of each marked note: of several at one place, the first of each name belong together."""
    turns, found = dict[At, list[Note]](), dict[Note, dict[str, Value]]()
    for note in notes:
        if note.name == name:
            turns.setdefault(note.at, []).append(note)
            found[note] = {}
    seen = dict[tuple[str, At], int]()
    for note in notes:
        if note.name != name and note.at in turns:
            turn = seen[note.name, note.at] = seen.get((note.name, note.at), -1) + 1
            if turn < len(turns[note.at]) and note.value not in ("", 0, []):
                found[turns[note.at][turn]][note.name] = note.value
    return found
