"""Coefficients: how far people agree beyond chance, over many items.

Krippendorff's alpha takes any number of people and answers that are missing; `not_sure` is missing, never a class. NLTK
counts it, with the distance of the level: nominal, ordinal by Krippendorff's own difference (how many answers lie
between two), sets by MASI. Cohen's kappa is scikit-learn's, pair by pair. Beside both stands how common the commonest
answer is: on lopsided answers a kappa collapses however well people agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import isfinite, nan
from typing import Any, Literal

from msgspec import Struct

from schemas.errors import BadInput

Level = Literal["nominal", "ordinal", "sets"]
Answer = str | frozenset[str]
Answers = Mapping[str, Mapping[str, Answer]]
"""Of each item, what each person answered."""

NOT_SURE = "not_sure"


class Agreement(Struct, frozen=True):
    """How far people agree on one question; alpha and kappa are NaN where they say nothing."""

    items: int
    """Items that two people or more answered."""
    answers: int
    alpha: float
    kappas: dict[str, float]
    """Cohen's kappa of each pair of people, as `ana, ben`."""
    alike: float
    """The share of pairs of answers that are the same."""
    commonest: float
    """The share of the commonest answer."""


def agreement(answers: Answers, level: Level = "nominal", order: Sequence[str] = ()) -> Agreement:
    """Return how far people agree; `order` is that of ordinal answers, from least to most."""
    told = _twice(answers)
    every = [label for people in told.values() for label in people.values()]
    pairs = [pair for people in told.values() for pair in combinations(people.values(), 2)]
    return Agreement(
        len(told),
        len(every),
        alpha(told, level, order),
        kappas(told) if level != "sets" else {},
        sum(one == other for one, other in pairs) / len(pairs) if pairs else nan,
        max(Counter(every).values()) / len(every) if every else nan,
    )


def alpha(answers: Answers, level: Level = "nominal", order: Sequence[str] = ()) -> float:
    """Return Krippendorff's alpha, NaN where fewer than two different answers were given."""
    told = _twice(answers)
    every = Counter(label for people in told.values() for label in people.values())
    if len(every) < 2:
        return nan
    task, distances = _nltk()
    distance = {
        "nominal": distances.binary_distance,
        "ordinal": _ordinal(every, order) if level == "ordinal" else None,
        "sets": distances.masi_distance,
    }[level]
    rows = [(person, item, label) for item, people in told.items() for person, label in people.items()]
    return float(task(data=rows, distance=distance).alpha())


def kappas(answers: Answers) -> dict[str, float]:
    """Return Cohen's kappa of each pair of people who answered two items or more together."""
    told = _twice(answers)
    found = {}
    for one, other in combinations(sorted({person for people in told.values() for person in people}), 2):
        both = [(people[one], people[other]) for people in told.values() if one in people and other in people]
        if len(both) >= 2:
            value = (
                nan
                if len({label for pair in both for label in pair}) < 2
                else float(_kappa()(*zip(*both, strict=True)))
            )
            found[f"{one}, {other}"] = value if isfinite(value) else nan
    return found


def _twice(answers: Answers) -> dict[str, dict[str, Answer]]:
    """Return the items that two people or more are sure of."""
    sure = {
        item: {person: label for person, label in people.items() if label != NOT_SURE}
        for item, people in answers.items()
    }
    return {item: people for item, people in sure.items() if len(people) >= 2}


def _ordinal(every: Counter[Answer], order: Sequence[str]) -> Callable[[Answer, Answer], float]:
    """Return Krippendorff's ordinal difference: the squared count of answers between two, each of them half."""
    if strange := sorted(str(label) for label in every if label not in order):
        raise BadInput(f"the answer {strange[0]!r} has no place", where="agreement", remedy="give the order of all")
    counts = [every[label] for label in order]
    place = {label: at for at, label in enumerate(order)}

    def difference(one: Answer, other: Answer) -> float:
        low, high = sorted((place[str(one)], place[str(other)]))
        return float((sum(counts[low : high + 1]) - (counts[low] + counts[high]) / 2) ** 2)

    return difference


def _nltk() -> tuple[Any, Any]:
    try:
        from nltk.metrics import distance
        from nltk.metrics.agreement import AnnotationTask
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("alpha needs nltk", where="desk", remedy=remedy) from None
    return AnnotationTask, distance


def _kappa() -> Any:
    try:
        from sklearn.metrics import cohen_kappa_score
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("kappa needs scikit-learn", where="desk", remedy=remedy) from None
    return cohen_kappa_score
