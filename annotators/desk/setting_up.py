"""Setting up: layers, people, and what is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from annotators.desk.events import (
    LayerSet,
    PersonPaused,
    PersonResumed,
    PersonSet,
    Prioritised,
    Released,
    Reopened,
    Retaken,
    ReviewAsked,
    Role,
    Selected,
)
from annotators.desk.item import WORK, Item
from annotators.desk.rules import Accepted, Layer, check_layer
from annotators.desk.state import STANDS
from annotators.desk.turn import Turn
from schemas.errors import BadInput

DESK = "desk"
"""The author of what was merged: no person may be called so."""


def set_layer(turn: Turn, layer: Layer, accepted: Accepted, items: Sequence[str] | None) -> tuple[str, ...]:
    """Set a layer, and do with its accepted notes what is said; return the items that are looked at again."""
    check_layer(layer)
    before = turn.state.layers.get(layer.name)
    if before == layer:
        return ()
    if accepted not in get_args(Accepted):
        raise BadInput(f"accepted={accepted!r}", where=f"layer {layer.name!r}", remedy="say keep, review or reopen")
    touched = _accepted_items(turn, layer.name, items) if before and accepted != "keep" else ()
    turn.happen(LayerSet(layer, accepted, touched))
    for item in touched:
        why = f"layer changed to {layer.config}"
        if accepted == "review":
            turn.happen(ReviewAsked(item, turn.state.work[item].standing, why))
        else:
            turn.happen(Reopened(item, DESK, why))
    return touched


def _accepted_items(turn: Turn, layer: str, items: Sequence[str] | None) -> tuple[str, ...]:
    stand = [one.item.id for one in turn.state.items() if one.item.layer == layer and one.state in STANDS]
    if items is None:
        return tuple(stand)
    for item in items:
        if item not in stand:
            remedy = "name items of it that are accepted or exported"
            raise BadInput(f"{item!r} is none of the accepted items", where=f"layer {layer!r}", remedy=remedy)
    return tuple(dict.fromkeys(items))


def set_person(turn: Turn, name: str, roles: Sequence[Role], layers: Sequence[str], cost_per_hour: float) -> None:
    """Add a person, or change roles, layers or cost."""
    where = f"person {name!r}"
    if not name or name == DESK:
        raise BadInput("this name is taken", where=where, remedy="give another name")
    if not roles or not set(roles) <= set(get_args(Role)):
        raise BadInput(f"roles {tuple(roles)}", where=where, remedy=f"give some of {', '.join(get_args(Role))}")
    if unknown := [layer for layer in layers if layer not in turn.state.layers]:
        raise BadInput(f"no layer {unknown[0]!r}", where=where, remedy=f"take of {', '.join(turn.state.layers)}")
    if not 0 <= cost_per_hour < float("inf"):
        raise BadInput(f"a cost of {cost_per_hour} an hour", where=where, remedy="give 0 or more")
    known = turn.state.people.get(name)
    event = PersonSet(name, tuple(dict.fromkeys(roles)), tuple(dict.fromkeys(layers)), cost_per_hour)
    if known and (known.roles, known.layers, known.cost_per_hour) == (event.roles, event.layers, cost_per_hour):
        return
    turn.happen(event)
    for work in turn.state.work.values():
        held = [("annotator", slot.lease) for slot in work.slots] + [("", work.lease)]
        for role, lease in held:
            now: Role = "annotator" if role else "adjudicator" if work.state == "adjudicate" else "reviewer"
            if lease and lease.person == name and now not in event.roles:
                turn.happen(Released(work.item.id, name, now, "withdrawn"))


def pause(turn: Turn, name: str, why: str) -> None:
    """Give a person no more work, and free what they hold; what they send in late still counts."""
    if turn.person(name).paused:
        return
    turn.happen(PersonPaused(name, why or "paused"))
    for work in turn.state.work.values():
        if any(slot.lease and slot.lease.person == name for slot in work.slots):
            turn.happen(Released(work.item.id, name, "annotator", "paused"))
        if work.lease and work.lease.person == name:
            role: Role = "reviewer" if work.state == "in_review" else "adjudicator"
            turn.happen(Released(work.item.id, name, role, "paused"))


def resume(turn: Turn, name: str) -> None:
    """Give a person work again."""
    if turn.person(name).paused:
        turn.happen(PersonResumed(name))


def retake(turn: Turn, name: str, layer: str) -> None:
    """Let a person take the exam of a layer again."""
    turn.person(name)
    if layer not in turn.state.layers:
        raise BadInput(f"no layer {layer!r}", where="desk", remedy=f"take of {', '.join(turn.state.layers)}")
    turn.happen(Retaken(name, layer))


def select(turn: Turn, items: Sequence[Item]) -> int:
    """Ask about items, of which those that are known count no more; return how many came."""
    came = 0
    for item in items:
        where = f"item {item.id!r}"
        if item.layer not in turn.state.layers:
            raise BadInput(f"no layer {item.layer!r}", where=where, remedy="set the layer first")
        if not item.id or not item.sample:
            raise BadInput("an item needs an id and a sample", where=where, remedy="give both")
        if item.kind != WORK and not item.answer:
            raise BadInput("a gold item has no answer", where=where, remedy="give the notes that are right")
        known = turn.state.work.get(item.id)
        if known is None and not (item.kind == WORK and item.subject in turn.state.subjects):
            turn.happen(Selected(item))
            came += 1
        elif known is not None and known.item.subject != item.subject:
            raise BadInput("another item has this id", where=where, remedy="make ids of layer, sample and place")
    return came


def prioritise(turn: Turn, item: str, priority: int) -> None:
    """Move an item in the queue."""
    if turn.work(item).priority != priority:
        turn.happen(Prioritised(item, priority))
