"""Several: a layer whose notes have several names, each compared in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotators.desk.item import Notes
from annotators.desk.measure import Measure
from schemas.note import Note


class Several:
    """Compares notes name by name; people agree no better than under the name on which they agree least."""

    def __init__(self, measures: Mapping[str, Measure], needed: Sequence[str] = ()) -> None:
        self._measures, self._needed = dict(measures), tuple(needed)

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return the least agreement of all names that either has."""
        mine, theirs = _by_name(one), _by_name(other)
        asked = [name for name in self._measures if name in mine or name in theirs]
        return min(
            (self._measures[name].agreement(mine.get(name, ()), theirs.get(name, ())) for name in asked), default=1.0
        )

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what all agree on, None where a name cannot be merged."""
        split = [_by_name(notes) for notes in all_of_them]
        found = list[Note]()
        for name, measure in self._measures.items():
            if any(name in one for one in split):
                notes = measure.merged([one.get(name, ()) for one in split])
                if notes is None:
                    return None
                found += notes
        return tuple(found)

    def problem(self, notes: Notes) -> str:
        """Say whether a name is unknown or missing, or what is wrong under one."""
        split = _by_name(notes)
        if not split.keys() <= self._measures.keys():
            return "unknown_question"
        if not set(self._needed) <= split.keys():
            return "question_unanswered"
        return next((why for name in split if (why := self._measures[name].problem(split[name]))), "")


def _by_name(notes: Notes) -> dict[str, Notes]:
    names = dict.fromkeys(note.name for note in notes)
    return {name: tuple(note for note in notes if note.name == name) for name in names}
