"""A task: what somebody who holds an item sees of it."""

from __future__ import annotations

from msgspec import UNSET, Struct
from msgspec.structs import replace

from annotators.desk.events import Role
from annotators.desk.item import Item, Notes
from annotators.desk.queue import leases
from annotators.desk.rules import Layer
from annotators.desk.state import State, Work


class Shown(Struct, frozen=True):
    """A version that is shown; whose it is is not told, `comment` is what a reviewer said of it."""

    version: str
    notes: Notes
    comment: str = ""


class Task(Struct, frozen=True):
    """What a person holds, until a time of the ledger, and `task`, the editor's name for it once it was sent.

    `shown` is what is judged: one version for a reviewer, several side by side for an adjudicator. An annotator sees
    nothing of others: only the own version, where it was rejected. A gold item's answer is not in it, and that it is
    one neither. What models noted is shown, but not in an audit, nor of a gold item that was made to look like one: who
    is shown an answer lets it stand too often.
    """

    item: Item
    layer: Layer
    person: str
    role: Role
    until_ms: int
    round: int
    shown: tuple[Shown, ...] = ()
    task: str = ""


def task_of(state: State, item: str, name: str, role: Role) -> Task:
    """Return what a person sees of an item that the person holds."""
    work = state.work[item]
    lease = next(one for held, one in leases(work) if held == role and one.person == name)
    asked = work.item
    machine = () if asked.why == "audit" else asked.machine
    blind = replace(asked, kind="work", why="asked", priority=work.priority, machine=machine, answer=(), doubts=UNSET)
    seen = _own(work, name) if role == "annotator" else [Shown(one, work.versions[one].notes) for one in work.asked]
    layer = state.layers[asked.layer]
    return Task(blind, layer, name, role, lease.until_ms, work.round, tuple(seen), lease.task)


def _own(work: Work, name: str) -> list[Shown]:
    """Return a person's version of the round before, where a reviewer sent it back."""
    slot = next((one for one in work.slots if one.lease and one.lease.person == name), None)
    if slot is None or not slot.comment:
        return []
    mine = [one for one in work.versions.values() if one.author == name and one.round == work.round - 1]
    return [Shown(mine[-1].id, mine[-1].notes, slot.comment)] if mine else []
