"""Corrections: which model is wrong how often, per layer and label, by what people said in the end.

A model's note is right where people's notes hold its match: on spans and tracks one of the same label that overlaps it
as the layer's agreement asks, elsewhere the same value at the same place. It counts what people looked at; items that
came because a model was unsure are wrong more often than the rest, and only those drawn for the audit speak for all.
Nothing is trained on it here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct

from annotators.desk.audit import precision
from annotators.desk.item import Notes
from annotators.desk.segments import Segments
from annotators.desk.state import State
from annotators.desk.tracks import Tracks
from schemas.note import Note, TimeSpan, Track

_LABEL = re.compile(r"[a-z][a-z0-9_]{0,39}")
_Key = tuple[str, str, str, str]


class Correction(Struct, frozen=True):
    """How a model fared under a name of a layer, and where `label` is given, with that label.

    Of `said` notes `wrong` were not what people said; the true share lies between `low` and `high` with 95 %. `missed`
    are notes of people that the model has no match of, among items that it noted.
    """

    model: str
    layer: str
    name: str
    label: str
    items: int
    said: int
    wrong: int
    missed: int
    low: float
    high: float


def corrections(state: State, *, audits: bool = False) -> tuple[Correction, ...]:
    """Return how each model fared on the items of which something stands; `audits`: on those drawn for the audit."""
    found, asked = defaultdict[_Key, list[tuple[int, int, int]]](list), _asked(state)
    for work in state.items():
        if not work.standing or not work.item.machine or (audits and work.item.why != "audit"):
            continue
        people = work.versions[work.standing].notes
        for model in sorted({note.by for note in work.item.machine}):
            machine = tuple(note for note in work.item.machine if note.by == model)
            for name in sorted({note.name for note in machine} & asked[work.item.layer]):
                mine, theirs = _named(machine, name), _named(people, name)
                for label in ("", *sorted({_label(note) for note in (*mine, *theirs)} - {""})):
                    counts = _compared(_labelled(mine, label), _labelled(theirs, label))
                    found[model, work.item.layer, name, label].append(counts)
    return tuple(_correction(key, counts) for key, counts in sorted(found.items()))


def _asked(state: State) -> dict[str, set[str]]:
    """Return the names that people have ever noted in each layer: what a model says besides, nobody was asked."""
    found = defaultdict[str, set[str]](set)
    for work in state.items():
        found[work.item.layer] |= {note.name for one in work.versions.values() for note in one.notes}
    return found


def _correction(key: _Key, counts: Sequence[tuple[int, int, int]]) -> Correction:
    said, right, people = (sum(one[at] for one in counts) for at in range(3))
    share = precision(said - right, said)
    return Correction(*key, len(counts), said, said - right, people - right, share.low, share.high)


def _named(notes: Notes, name: str) -> Notes:
    return tuple(note for note in notes if note.name == name)


def _label(note: Note) -> str:
    """Return a note's label, nothing where it is free text or a number: their values are as many as the notes."""
    if isinstance(note.value, bool):
        return str(note.value).lower()
    return note.value if isinstance(note.value, str) and _LABEL.fullmatch(note.value) else ""


def _labelled(notes: Notes, label: str) -> Notes:
    return tuple(note for note in notes if not label or _label(note) == label)


def _compared(machine: Notes, people: Notes) -> tuple[int, int, int]:
    """Return how many notes the model has, how many of them people have too, and how many people have."""
    spans = [tuple(note for note in one if isinstance(note.at, TimeSpan)) for one in (machine, people)]
    tracks = [tuple(note for note in one if isinstance(note.at, Track)) for one in (machine, people)]
    others = [[note for note in one if not isinstance(note.at, TimeSpan | Track)] for one in (machine, people)]
    right = Segments().compared(spans[0], spans[1]).pairs if all(spans) else 0
    if all(tracks):
        right += round(Tracks().agreement(tracks[0], tracks[1]) * (len(tracks[0]) + len(tracks[1])) / 2)
    said = [(note.at, _plain(note)) for note in others[1]]
    right += sum((note.at, _plain(note)) in said for note in others[0])
    return len(machine), right, len(people)


def _plain(note: Note) -> object:
    return sorted(map(str, note.value)) if isinstance(note.value, list) else note.value
