"""A turn: one thing asked of the ledger, with the events that come of it, all of them or none."""

from __future__ import annotations

from annotators.desk.clock import told
from annotators.desk.events import AnyEvent
from annotators.desk.fold import fold
from annotators.desk.rules import Layer, Rules
from annotators.desk.state import Person, State, Work
from schemas.errors import BadInput


class Turn:
    """A state under the writer's lock, and what happens to it at a time that a clock said."""

    def __init__(self, state: State, at_ms: int) -> None:
        self.state, self.at_ms = state, at_ms
        self.events: list[AnyEvent] = []
        self.torn = False
        """Whether something failed in its middle, and somebody went on."""

    @property
    def now_ms(self) -> int:
        """The ledger's time, which never goes back."""
        return told(self.state.clock, self.at_ms).at_ms

    def happen(self, event: AnyEvent) -> None:
        """Take an event into the state; it is written when the turn ends."""
        fold(self.state, event, self.at_ms)
        self.events.append(event)

    def work(self, item: str) -> Work:
        """Return an item's work; raises BadInput where nobody knows it."""
        if item not in self.state.work:
            raise BadInput(f"no item {item!r}", where="desk", remedy="see which there are: ostraka desk queue")
        return self.state.work[item]

    def person(self, name: str) -> Person:
        """Return a person; raises BadInput where nobody knows the name."""
        if name not in self.state.people:
            known = ", ".join(self.state.people) or "none yet"
            raise BadInput(f"no person {name!r}", where="desk", remedy=f"take one of {known}, or add the person")
        return self.state.people[name]

    def layer(self, work: Work) -> Layer:
        return self.state.layers[work.item.layer]

    def rules(self, work: Work) -> Rules:
        return self.layer(work).rules
