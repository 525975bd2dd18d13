"""Afterwards: what stands, what is asked anew, and what went out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from annotators.desk.events import Exported, Reopened, Role
from annotators.desk.incoming import quarantine as _quarantine
from annotators.desk.item import Item
from annotators.desk.queue import leases
from annotators.desk.state import STANDS, State, Version, Work
from annotators.desk.turn import Turn
from schemas.errors import BadInput


class Standing(Struct, frozen=True):
    """A version that stands: what of, how it came to, who accepted it, and the batch that it went out in."""

    item: Item
    version: Version
    how: str
    accepted_by: str
    authors: tuple[str, ...]
    exported_in: str = ""


class Tombstone(Struct, frozen=True):
    """A version that went out and stands no longer, with what stands instead, if anything."""

    item: str
    version: str
    batch: str
    instead: str


def standing(state: State) -> tuple[Standing, ...]:
    """Return what stands, in the order in which the items were selected."""
    return tuple(stands_of(work) for work in state.items() if work.standing)


def stands_of(work: Work) -> Standing:
    """Return what stands of an item; `authors` are the people whose words they are."""
    version = work.versions[work.standing]
    authors = [version.author] if version.origin != "merge" else [work.versions[one].author for one in version.resolves]
    batch = work.exported.get(version.id, "")
    return Standing(work.item, version, work.how, work.accepted_by, tuple(sorted(authors)), batch)


def tombstones(state: State) -> tuple[Tombstone, ...]:
    """Return what went out and stands no longer."""
    return tuple(
        Tombstone(work.item.id, version, batch, work.standing)
        for work in state.items()
        for version, batch in work.exported.items()
        if version != work.standing
    )


def reopen(turn: Turn, items: Sequence[str], by: str, why: str) -> None:
    """Ask anew about items that are accepted, exported or quarantined."""
    for item in items:
        work = turn.work(item)
        if work.state not in (*STANDS, "quarantined"):
            remedy = "it is asked about already"
            raise BadInput(f"it is {work.state}, not accepted or quarantined", where=f"item {item!r}", remedy=remedy)
        turn.happen(Reopened(item, by, why))


def quarantine(turn: Turn, item: str, why: str) -> None:
    """Take an item out of the queues; what stands of it stands."""
    work = turn.work(item)
    if work.state in (*STANDS, "quarantined"):
        raise BadInput(f"it is {work.state}", where=f"item {item!r}", remedy="open it again first")
    _quarantine(turn, work, why)


def export(turn: Turn, batch: str, manifest: str, licence: str, items: Sequence[str] | None) -> tuple[Standing, ...]:
    """Put on record that what stands went out: all of these items in one event, or none."""
    where = f"batch {batch!r}"
    if not batch or not manifest:
        raise BadInput("a batch needs a name and its manifest's digest", where=where, remedy="give both")
    known = turn.state.batches.get(batch)
    if known is not None:
        if known != (manifest, licence):
            raise BadInput("another batch has this name", where=where, remedy="give another name")
        return _of_batch(turn.state, batch)
    chosen = [turn.work(item) for item in dict.fromkeys(items)] if items is not None else _accepted(turn.state)
    for work in chosen:
        if work.state != "accepted":
            remedy = "export what is accepted and did not go out yet"
            raise BadInput(f"item {work.item.id!r} is {work.state}", where=where, remedy=remedy)
    turn.happen(Exported(batch, manifest, licence, {work.item.id: work.standing for work in chosen}))
    return _of_batch(turn.state, batch)


def _accepted(state: State) -> list[Work]:
    return [work for work in state.items() if work.state == "accepted"]


def _of_batch(state: State, batch: str) -> tuple[Standing, ...]:
    return tuple(one for one in standing(state) if one.exported_in == batch)


def held(state: State, name: str, role: Role | None) -> list[tuple[str, str, Role]]:
    """Return (item, person, role) of what is held, a person's or a role's alone where either is named."""
    return [
        (work.item.id, lease.person, as_)
        for work in state.work.values()
        for as_, lease in leases(work)
        if name in ("", lease.person) and role in (None, as_)
    ]
