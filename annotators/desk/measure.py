"""What the ledger asks of a layer: how far two people agree, what they agree on, what cannot stand at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Protocol

from annotators.desk.item import Notes
from schemas.errors import BadInput


class Measure(Protocol):
    """How a layer's notes are compared; it lives in code, and what it found in the ledger."""

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return how far two people agree, in [0, 1]."""
        ...

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return what they agree on, None where it cannot be said."""
        ...

    def problem(self, notes: Notes) -> str:
        """Return why notes cannot stand, in snake_case, empty where they can."""
        ...


Measures = Mapping[str, Measure]


def measure_of(measures: Measures, layer: str) -> Measure:
    """Return a layer's measure; raises BadInput where there is none."""
    if layer not in measures:
        remedy = "open the ledger with a measure for each of its layers"
        raise BadInput(f"the layer {layer!r} has no measure", where="desk", remedy=remedy)
    return measures[layer]


def least_agreement(measure: Measure, all_of_them: Sequence[Notes]) -> float:
    """Return the agreement of the two that agree least."""
    return min(measure.agreement(one, other) for one, other in combinations(all_of_them, 2))
