"""Looking at a desk's queue, and changing items of it, as a lead does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from msgspec import Struct

from annotators.desk.events import Role
from annotators.desk.ledger import Ledger
from annotators.desk.queue import leases
from annotators.desk.state import ItemState, State
from schemas.errors import BadInput
from schemas.note import TimeSpan

STATES: tuple[str, ...] = get_args(ItemState)


def counts_of(state: State) -> list[tuple[Any, ...]]:
    """Return a row a layer: how many items are in each state."""
    found = {layer: Counter[str]() for layer in state.layers}
    for work in state.items():
        found[work.item.layer][work.state] += 1
    return [(layer, *(counts[one] for one in STATES)) for layer, counts in found.items()]


def rows_of(state: State, asked: str, layer: str) -> list[tuple[Any, ...]]:
    """Return a row an item, the urgent first."""
    if asked and asked not in STATES:
        raise BadInput(f"no state {asked!r}", remedy=f"say one of {', '.join(STATES)}")
    if layer and layer not in state.layers:
        raise BadInput(f"no layer {layer!r}", remedy=f"say one of {', '.join(state.layers) or 'none yet'}")
    chosen = [one for one in state.items() if asked in ("", one.state) and layer in ("", one.item.layer)]
    return [
        (
            work.item.id,
            work.item.layer,
            work.item.sample[:12] + _span(work.item.at),
            work.state,
            work.why or work.item.why,
            work.priority,
            "" if work.agreement is None else f"{work.agreement:.2f}",
            ", ".join(lease.person for _, lease in leases(work)),
        )
        for work in sorted(chosen, key=lambda work: -work.priority)
    ]


def _span(at: object) -> str:
    if not isinstance(at, TimeSpan):
        return ""
    scale = at.time_base[0] / at.time_base[1]
    return f" {at.start_pts * scale:.2f}-{at.end_pts * scale:.2f} s"


def find_item(state: State, asked: str) -> str:
    """Return the item of an id, or of its beginning; raises BadInput where there is none, or several."""
    found = [asked] if asked in state.work else [one for one in state.work if asked and one.startswith(asked)]
    if len(found) != 1:
        what = f"{asked!r} could be {', '.join(found[:5])}" if found else f"no item {asked!r}"
        raise BadInput(what, where="desk", remedy="see which there are: ostraka desk queue")
    return found[0]


class Changes(Struct, frozen=True):
    """What a lead wants of some items."""

    priority: int | None = None
    release: bool = False
    holder: str = ""
    to: str = ""
    reopen: str | None = None
    quarantine: str | None = None
    by: str = "lead"

    @property
    def nothing(self) -> bool:
        return self.priority is None and not self.release and not self.to and self.reopen is self.quarantine is None


def change_items(ledger: Ledger, asked: Sequence[str], wanted: Changes, now_ms: int) -> list[str]:
    """Change items, all of them or none, and return what was done."""
    items = [find_item(ledger.state, one) for one in asked]
    said = list[str]()
    with ledger.together(now_ms):
        for item in items:
            if wanted.priority is not None:
                ledger.prioritise(item, wanted.priority, now_ms)
                said.append(f"{item}: priority {wanted.priority}")
            if wanted.release or wanted.to:
                said += _given_back(ledger, item, wanted, now_ms)
        if wanted.reopen is not None:
            ledger.reopen(items, wanted.by, wanted.reopen, now_ms)
            said += [f"{item}: asked anew" for item in items]
        if wanted.quarantine is not None:
            for item in items:
                ledger.quarantine(item, wanted.quarantine, now_ms)
                said.append(f"{item}: out of the queue")
    return said


def _given_back(ledger: Ledger, item: str, wanted: Changes, now_ms: int) -> Iterator[str]:
    held = [(lease.person, role) for role, lease in leases(ledger.state.work[item])]
    chosen = [(person, role) for person, role in held if wanted.holder in ("", person)]
    if not chosen or (wanted.to and len(chosen) > 1):
        holders = ", ".join(person for person, _ in held) or "nobody"
        remedy = "name one of them with --from" if chosen else "hand it out first: ostraka desk sync"
        raise BadInput(f"{holders} holds it", where=f"item {item!r}", remedy=remedy)
    for person, role in chosen:
        yield _passed_on(ledger, item, person, role, wanted.to, now_ms)


def _passed_on(ledger: Ledger, item: str, person: str, role: Role, to: str, now_ms: int) -> str:
    if to:
        ledger.reassign(item, person, to, now_ms)
        return f"{item}: from {person} to {to}"
    ledger.release(item, person, role, now_ms)
    return f"{item}: {person} holds it no longer"
