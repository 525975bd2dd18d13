"""Agreement beyond chance, question by question and label by label, over all that people annotated blind.

A question is a note's name. Where it is answered for the whole sample its answers are compared as they are; a label is
compared as said or not said, wherever in the sample. So a question on spans is told apart here by its labels only: how
well the places agree, the layer's own measure says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite, nan

from msgspec import Struct

from annotators.desk.coefficients import Answer, Level, agreement, alpha
from annotators.desk.item import Notes
from annotators.desk.reliability import dawid_skene
from annotators.desk.state import State, Version, Work
from schemas.note import Note, Value, Whole

YES, NO = "yes", "no"
SHARED = 20
"""So many items people share before anything is said of how reliable they are."""
MOST_LABELS = 50
"""Of a question with more different answers, free words above all, nothing is said: tables of labels by labels."""
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
Told = dict[str, dict[str, Answer]]


class Question(Struct, frozen=True):
    """How far people agree on a question, or on whether one `label` of it holds; NaN where that says nothing.

    `kappa` is the mean of Cohen's over the pairs of people, of questions alone.
    """

    layer: str
    name: str
    label: str
    items: int
    alpha: float
    kappa: float
    commonest: float


def questions(state: State) -> tuple[Question, ...]:
    """Return a row for every question and label that two people or more were asked blind."""
    return tuple(row for layer, told in _rounds(state).items() for row in _of_layer(layer, told))


def reliabilities(state: State) -> dict[str, float]:
    """Return how often each person says what is so, over questions on whole samples that enough items are shared of."""
    right, shared = defaultdict[str, float](float), defaultdict[str, int](int)
    for told in _rounds(state).values():
        for name in sorted(name for name in _whole(told) if not _is_free(_values(told, name))):
            answers = {item: _texts(_answers(written, name)) for item, written in told}
            twice = {item: people for item, people in answers.items() if len(people) > 1}
            labels = {label for people in twice.values() for label in people.values()}
            if len(twice) >= SHARED and len(labels) <= MOST_LABELS:
                found = dawid_skene(twice)
                for person, count in found.shared.items():
                    right[person] += count * found.accuracy[person]
                    shared[person] += count
    return {person: right[person] / count for person, count in shared.items() if count >= SHARED}


def _rounds(state: State) -> dict[str, list[tuple[str, list[Version]]]]:
    """Return by layer what people wrote blind, with the item and its round."""
    found = defaultdict[str, list[tuple[str, list[Version]]]](list)
    for work in state.items():
        for number, written in enumerate(blind(work)):
            found[work.item.layer].append((f"{work.item.id} {number}", written))
    return dict(sorted(found.items()))


def _whole(told: Sequence[tuple[str, list[Version]]]) -> set[str]:
    """Return the names that are noted of whole samples alone."""
    every = [note for _, written in told for one in written for note in one.notes]
    return {note.name for note in every} - {note.name for note in every if not isinstance(note.at, Whole)}


def _texts(answers: Mapping[str, Answer]) -> dict[str, str]:
    return {who: one if isinstance(one, str) else "\n".join(sorted(one)) for who, one in answers.items()}


def blind(work: Work) -> list[list[Version]]:
    """Return the versions of each round that people wrote blind, where they were two or more."""
    edited = {one.parent for one in work.versions.values() if one.origin == "edit"}
    rounds = defaultdict[int, list[Version]](list)
    for one in work.versions.values():
        if one.origin in ("annotation", "edit") and one.id not in edited and one.state not in ("late", "deleted"):
            rounds[one.round].append(one)
    return [written for written in rounds.values() if len(written) >= 2]


def label_of(note: Note) -> str:
    """Return the label that a note gives, empty where it gives none: a number, a list, free words."""
    if isinstance(note.value, bool):
        return str(note.value).lower()
    return str(note.value) if is_label(note.value) else ""


def is_label(value: object) -> bool:
    """Say whether a value is written as labels are, in one word rather than as a sentence."""
    return isinstance(value, str) and bool(_LABEL.fullmatch(value))


def _of_layer(layer: str, told: Sequence[tuple[str, list[Version]]]) -> list[Question]:
    found = list[Question]()
    every = [note for _, written in told for one in written for note in one.notes]
    for name in sorted({note.name for note in every}):
        if name in _whole(told) and (row := _question(layer, name, told)):
            found.append(row)
        for label in sorted({label_of(note) for note in every if note.name == name} - {""}):
            found.append(_label(layer, name, label, told))
    return found


def _question(layer: str, name: str, told: Sequence[tuple[str, list[Version]]]) -> Question | None:
    """Return a question's row, None where it is answered in free words; numbers are ordinal."""
    values = _values(told, name)
    if _is_free(values):
        return None
    numbers = sorted({one for one in values if isinstance(one, int | float) and not isinstance(one, bool)})
    answers = {item: _answers(written, name) for item, written in told}
    level: Level = "ordinal" if numbers else "sets" if any(isinstance(one, list) for one in values) else "nominal"
    how = agreement(answers, level, [str(one) for one in numbers])
    kappas = [value for value in how.kappas.values() if isfinite(value)]
    return Question(layer, name, "", how.items, how.alpha, sum(kappas) / len(kappas) if kappas else nan, how.commonest)


def _values(told: Sequence[tuple[str, list[Version]]], name: str) -> list[Value]:
    return [note.value for _, written in told for one in written for note in one.notes if note.name == name]


def _is_free(values: Sequence[Value]) -> bool:
    """Say whether a question is answered in free words."""
    return all(isinstance(one, str) and not is_label(one) for one in values)


def _label(layer: str, name: str, label: str, told: Sequence[tuple[str, list[Version]]]) -> Question:
    answers: Told = {
        item: {one.author: YES if _says(one.notes, name, label) else NO for one in written} for item, written in told
    }
    said = [answer for people in answers.values() for answer in people.values()]
    share = said.count(YES) / len(said)
    return Question(layer, name, label, len(told), alpha(answers), nan, max(share, 1 - share))


def _answers(written: Sequence[Version], name: str) -> Mapping[str, Answer]:
    return {one.author: answer for one in written if (answer := _answer(one.notes, name)) is not None}


def _answer(notes: Notes, name: str) -> Answer | None:
    for note in notes:
        if note.name == name:
            return frozenset(map(str, note.value)) if isinstance(note.value, list) else str(note.value)
    return None


def _says(notes: Notes, name: str, label: str) -> bool:
    return any(note.name == name and label_of(note) == label for note in notes)
