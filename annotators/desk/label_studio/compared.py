"""How people's answers to a sheet are compared: read off the sheet, so that a layer of one's own needs no code for it.

Spans are compared as segments and boxes as tracks, each with its fields; options of whole samples are the same or not,
grades lie near one another or far, and what is copied is compared letter by letter. Free words are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotators.desk.item import Notes
from annotators.desk.label_studio.sheet import Choice, Field, Grade, Line, Sheet, Spans
from annotators.desk.label_studio.sheet import Tracks as Boxes
from annotators.desk.marked import How, Marked, compared
from annotators.desk.segments import Segments
from annotators.desk.tracks import Tracks
from schemas.note import Note, Value


class Fields:
    """Compares what is said of whole samples; who says nothing to a question contradicts nobody."""

    def __init__(self, asked: Sequence[Field]) -> None:
        self._asked = {one.name: one for one in asked}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the notes that are compared here."""
        return tuple(self._asked)

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return the mean agreement over the questions that both answer and that can be compared."""
        mine, theirs = _said(one), _said(other)
        shares = [
            _alike(field, mine[name], theirs[name])
            for name, field in self._asked.items()
            if how_of(field) != "free" and name in mine and name in theirs
        ]
        return sum(shares) / len(shares) if shares else 1.0

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what all say, grades at their mean; None where two answers differ."""
        found = list[Note]()
        for name, field in self._asked.items():
            said = [value for notes in all_of_them if (value := _said(notes).get(name)) is not None]
            if isinstance(field, Grade) and said:
                found.append(Note(name, round(sum(float(str(one)) for one in said) / len(said))))
            elif said:
                if any(compared(how_of(field), said[0], value) < 1 for value in said[1:]):
                    return None
                found.append(Note(name, said[0]))
        return tuple(found)

    def problem(self, notes: Notes) -> str:
        """Say whether a question is answered twice."""
        return "answered_twice" if len(_said(notes)) < len(notes) else ""


Part = Fields | Marked


class Answers:
    """Compares answers to a sheet part by part; people agree no better than in the part where they agree least."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return the least agreement of all parts of which either says something."""
        split = [(part, _of(part, one), _of(part, other)) for part in self._parts]
        return min((part.agreement(mine, theirs) for part, mine, theirs in split if mine or theirs), default=1.0)

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what all agree on, None where a part cannot be merged."""
        found = list[Note]()
        for part in self._parts:
            notes = part.merged([_of(part, one) for one in all_of_them])
            if notes is None:
                return None
            found += notes
        return tuple(found)

    def problem(self, notes: Notes) -> str:
        """Say whether a name is not asked for, or what is wrong in a part."""
        if {note.name for note in notes} - {name for part in self._parts for name in part.names}:
            return "unknown_question"
        return next((why for part in self._parts if (why := part.problem(_of(part, notes)))), "")


def measure_of_sheet(sheet: Sheet) -> Answers:
    """Return how answers to a sheet are compared."""
    parts = list[Part]()
    for one in sheet.asked:
        if isinstance(one, Spans):
            parts.append(Marked(one.name, Segments(one.labels), _hows(one.fields)))
        elif isinstance(one, Boxes):
            parts.append(Marked(one.name, Tracks(one.labels), _hows(one.fields)))
    return Answers([Fields([one for one in sheet.asked if isinstance(one, Choice | Line | Grade)]), *parts])


def how_of(field: Field) -> How:
    """Return how two answers to a field are compared."""
    return "same" if not isinstance(field, Line) else "letters" if field.copied else "free"


def _hows(fields: Sequence[Field]) -> Mapping[str, How]:
    return {field.name: how_of(field) for field in fields}


def _alike(field: Field, one: Value, other: Value) -> float:
    """Return how far two answers agree; grades by how near they lie."""
    if isinstance(field, Grade) and field.most > 1:
        return 1 - abs(float(str(one)) - float(str(other))) / (field.most - 1)
    return compared(how_of(field), one, other)


def _said(notes: Notes) -> dict[str, Value]:
    return {note.name: note.value for note in notes}


def _of(part: Part, notes: Notes) -> Notes:
    return tuple(note for note in notes if note.name in part.names)
