"""Routing: which items people look at, and which stand as the models noted them.

People get what is unsure, more than the threshold; of the rest a fixed share is drawn by a keyed hash and goes to them
too, as an audit: from it, and from nothing else, is known how often what was accepted by itself is right. The draw
hangs on the item alone, so a threshold that moves does not move the audit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Literal

from msgspec import Struct

from annotators.desk.draw import fraction
from schemas.errors import BadInput

Way = Literal["unsure", "audit", "accepted"]


class Route(Struct, frozen=True):
    """The threshold, in [0, 1], and the share of what lies at or below it that is audited."""

    threshold: float
    audit_share: float = 0.05
    key: str = "audit"

    def way(self, item: str, unsure: float) -> Way:
        """Return where an item goes."""
        if not 0 <= unsure <= 1:
            raise BadInput(f"it is unsure by {unsure}", where=f"item {item!r}", remedy="give a number from 0 to 1")
        if unsure > self.threshold:
            return "unsure"
        return "audit" if fraction(self.key, item) < self.audit_share else "accepted"


def unsure(signals: Mapping[str, float]) -> float:
    """Return how much speaks against the models: 1 less the chance that none of the signals, each in [0, 1], is right.

    The largest alone would put one weak alarm on a par with three.
    """
    if not signals:
        raise BadInput(
            "nothing says how unsure it is", where="routing", remedy="give a signal, 1 where nothing is known"
        )
    if strange := [name for name, one in signals.items() if not 0 <= one <= 1]:
        what = f"the signal {strange[0]!r} is {signals[strange[0]]}"
        raise BadInput(what, where="routing", remedy="give numbers from 0 to 1")
    return 1 - prod(1 - signals[name] for name in sorted(signals))


def spread(answers: Iterable[str]) -> float:
    """Return the share of a model's answers to one question that are not its commonest; ask it several times."""
    counts: dict[str, int] = {}
    for answer in answers:
        counts[answer] = counts.get(answer, 0) + 1
    if not counts:
        raise BadInput("no answers", where="routing", remedy="ask the model at least once")
    return 1 - max(counts.values()) / sum(counts.values())
