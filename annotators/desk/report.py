"""The report's values: how a desk stands, who did what, how far people agree, what it cost. Pages are made of them.

All of it is read off a state, so a report of yesterday's state is yesterday's report. Agreement is counted over every
round in which two people or more annotated an item blind; versions that were edited since count as last edited.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations
from math import nan

from msgspec import Struct

from annotators.desk.audit import Precision
from annotators.desk.audited import audited
from annotators.desk.by_question import Question, blind, label_of, questions, reliabilities
from annotators.desk.item import Notes
from annotators.desk.measure import Measures, measure_of
from annotators.desk.state import State, Work

DAY_MS = 86_400_000


class Burn(Struct, frozen=True):
    """How many items had come and how many were accepted by the end of a day, by the ledger's time."""

    day: int
    selected: int
    accepted: int


class LayerRow(Struct, frozen=True):
    """A layer, or one label of it: the mean agreement of pairs of people, and how often it was enough to accept."""

    layer: str
    label: str
    pairs: int
    agreement: float
    enough: float


class PersonRow(Struct, frozen=True):
    """What a person did, in which time, for what, and how it fared."""

    person: str
    annotated: int
    stood: int
    """Versions that stand or went into one that does."""
    rejected: int
    late: int
    judged: int
    gold: int
    gold_passed: int
    hours: float
    cost: float
    reliability: float
    """How often the person says what is so, by Dawid and Skene's model; NaN where too little is shared."""


class ModelRow(Struct, frozen=True):
    """How often what a model had noted was what people said in the end."""

    model: str
    layer: str
    items: int
    wrong: int
    agreement: float


class Disagreement(Struct, frozen=True):
    """An item on which people differed, the least agreement first, with the versions to look at."""

    item: str
    layer: str
    agreement: float
    versions: tuple[str, ...]
    state: str


class Report(Struct, frozen=True):
    """How a desk stands."""

    states: dict[str, int]
    burn: tuple[Burn, ...]
    layers: tuple[LayerRow, ...]
    questions: tuple[Question, ...]
    people: tuple[PersonRow, ...]
    models: tuple[ModelRow, ...]
    auto_accept: dict[str, Precision]
    by_peoples_word: dict[str, Precision]
    """The same, were nobody who audits ever wrong."""
    disagreements: tuple[Disagreement, ...]
    refused: dict[str, int]
    hours: float
    cost: float
    accepted: int
    hours_per_note: float
    cost_per_note: float


def report(state: State, measures: Measures, most: int = 50) -> Report:
    """Return how a desk stands, with the `most` worst disagreements."""
    reliable = reliabilities(state)
    people = tuple(_person(state, name, reliable.get(name, nan)) for name in state.people)
    accepted = sum(bool(work.standing) for work in state.items())
    hours, cost = sum(row.hours for row in people), sum(row.cost for row in people)
    return Report(
        dict(Counter(work.state for work in state.items())),
        _burn(state),
        _layers(state, measures),
        questions(state),
        people,
        _models(state),
        {layer: audited(state, measures, layer) for layer in state.layers},
        {layer: audited(state, measures, layer, believing=True) for layer in state.layers},
        _disagreements(state, most),
        dict(sorted(state.refused.items())),
        hours,
        cost,
        accepted,
        hours / accepted if accepted else nan,
        cost / accepted if accepted else nan,
    )


def _burn(state: State) -> tuple[Burn, ...]:
    every = state.items()
    begin_ms = min((work.selected_ms for work in every), default=0)
    days = range((max(state.clock.at_ms, begin_ms) - begin_ms) // DAY_MS + 1) if every else range(0)
    ends = [(day, begin_ms + (day + 1) * DAY_MS) for day in days]
    return tuple(
        Burn(
            day,
            sum(work.selected_ms < end_ms for work in every),
            sum(bool(work.standing) and work.accepted_ms < end_ms for work in every),
        )
        for day, end_ms in ends
    )


def _layers(state: State, measures: Measures) -> tuple[LayerRow, ...]:
    found = defaultdict[tuple[str, str], list[float]](list)
    for work in state.items():
        for written in blind(work):
            for one, other in combinations([version.notes for version in written], 2):
                measure = measure_of(measures, work.item.layer)
                found[work.item.layer, ""].append(measure.agreement(one, other))
                for label in _labels((*one, *other)):
                    pair = (_of_label(one, label), _of_label(other, label))
                    found[work.item.layer, label].append(measure.agreement(*pair) if all(pair) else 0.0)
    return tuple(
        LayerRow(
            layer,
            label,
            len(values),
            sum(values) / len(values),
            sum(value >= state.layers[layer].rules.accept_at for value in values) / len(values),
        )
        for (layer, label), values in sorted(found.items())
    )


def _labels(notes: Notes) -> list[str]:
    return sorted({f"{note.name}: {label}" for note in notes if (label := label_of(note))})


def _of_label(notes: Notes, label: str) -> Notes:
    return tuple(note for note in notes if f"{note.name}: {label_of(note)}" == label)


def _person(state: State, name: str, reliability: float) -> PersonRow:
    person = state.people[name]
    every = [one for work in state.items() for one in work.versions.values() if one.author == name]
    mine = [one for one in every if one.origin in ("annotation", "edit")]
    used = {one for work in state.items() for one in _used(work)}
    gold = [passed for answers in person.gold.values() for passed in answers]
    hours = person.spent_s / 3600
    return PersonRow(
        name,
        len(mine),
        sum(one.id in used for one in every),
        sum(one.state == "rejected" for one in every),
        sum(one.state == "late" for one in mine),
        sum(name in work.reviewers for work in state.items()),
        len(gold),
        sum(gold),
        hours,
        hours * person.cost_per_hour,
        reliability,
    )


def _used(work: Work) -> Sequence[str]:
    """Return what stands and what it was merged of."""
    if not work.standing:
        return ()
    stands = work.versions[work.standing]
    return (stands.id, *(stands.resolves if stands.origin == "merge" else ()))


def _models(state: State) -> tuple[ModelRow, ...]:
    found = defaultdict[tuple[str, str], list[float]](list)
    for work in state.items():
        if work.standing and work.machine is not None:
            for model in sorted({note.by for note in work.item.machine}):
                found[model, work.item.layer].append(work.machine)
    return tuple(
        ModelRow(
            model,
            layer,
            len(values),
            sum(value < state.layers[layer].rules.accept_at for value in values),
            sum(values) / len(values),
        )
        for (model, layer), values in sorted(found.items())
    )


def _disagreements(state: State, most: int) -> tuple[Disagreement, ...]:
    found = [
        Disagreement(
            work.item.id,
            work.item.layer,
            work.agreement,
            tuple(one.id for written in blind(work)[-1:] for one in written),
            work.state,
        )
        for work in state.items()
        if work.agreement is not None and work.agreement < state.layers[work.item.layer].rules.accept_at
    ]
    return tuple(sorted(found, key=lambda one: one.agreement)[:most])
