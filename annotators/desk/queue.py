"""The queue: who gets what next, for how long, and how it is given back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from annotators.desk.draw import fraction
from annotators.desk.events import Leased, Released, Role, Sent
from annotators.desk.fold import lease_of
from annotators.desk.item import EXAM, GOLD, WORK
from annotators.desk.state import ADJUDICATE, DRAFT, IN_REVIEW, Lease, Person, Slot, Work
from annotators.desk.turn import Turn
from schemas.errors import BadInput


def take(turn: Turn, name: str, role: Role, layers: Sequence[str], most: int) -> list[str]:
    """Lease to a person the items that come next, `most` at the most, and return their ids."""
    person = turn.person(name)
    if role not in person.roles:
        remedy = f"take one of {', '.join(person.roles)}, or give the role"
        raise BadInput(f"{name} is no {role}", where="desk", remedy=remedy)
    if person.paused:
        raise BadInput(f"{name} is paused: {person.paused}", where="desk", remedy="resume the person")
    expire(turn)
    asked = [layer for layer in turn.state.layers if _may(person, layer) and (not layers or layer in layers)]
    if role != "annotator":
        chosen = sorted(_to_judge(turn, name, role, asked), key=lambda work: -work.priority)[:most]
        for work in chosen:
            _lease(turn, work, name, role, -1)
        return [work.item.id for work in chosen]
    taken = list[str]()
    for work in _to_annotate(turn, person, asked, most):
        slot = len(work.slots) if work.item.kind != WORK else _slot(turn, work, name)
        _lease(turn, work, name, role, slot)
        taken.append(work.item.id)
    return taken


def _may(person: Person, layer: str) -> bool:
    return not person.layers or layer in person.layers


def _lease(turn: Turn, work: Work, name: str, role: Role, slot: int) -> None:
    until_ms = turn.now_ms + turn.rules(work).lease_s * 1000
    turn.happen(Leased(work.item.id, name, role, until_ms, slot))


def _to_judge(turn: Turn, name: str, role: Role, layers: Sequence[str]) -> Iterator[Work]:
    due = IN_REVIEW if role == "reviewer" else ADJUDICATE
    for work in turn.state.work.values():
        if work.state == due and work.lease is None and work.item.layer in layers and may_judge(work, name, role):
            yield work


def may_judge(work: Work, name: str, role: Role) -> bool:
    """Say whether a person may judge an item: never one's own work, and an adjudicator reviewed none of it either."""
    return name not in work.authors and (role == "reviewer" or name not in work.reviewers)


def _to_annotate(turn: Turn, person: Person, layers: Sequence[str], most: int) -> Iterator[Work]:
    """Yield what a person annotates next: exams where they are due, gold among the rest by the draw."""
    exams = [layer for layer in layers if _needs_exam(turn, person, layer)]
    due = [work for work in _special(turn, person, EXAM) if work.item.layer in exams]
    ready = [layer for layer in layers if layer not in exams]
    gold = [work for work in _special(turn, person, GOLD) if work.item.layer in ready]
    rest = _in_turn(turn, person, ready)
    for _ in range(most):
        if due:
            yield due.pop(0)
            continue
        work = next(rest, None)
        if work is None:
            return
        share = turn.rules(work).gold_share
        placed = [one for one in gold if one.item.layer == work.item.layer]
        if placed and fraction("gold", person.name, str(person.taken)) < share:
            gold.remove(placed[0])
            yield placed[0]
            rest = _before(work, rest)
        else:
            yield work


def _in_turn(turn: Turn, person: Person, layers: Sequence[str]) -> Iterator[Work]:
    """Yield the work that a person may annotate: what waits for the person first, then by priority.

    Whether the person may is asked of an item when its turn comes, so a long queue costs little more than a sort.
    """
    open_ = [work for work in turn.state.work.values() if work.state == DRAFT and work.item.layer in layers]
    waiting = sorted(open_, key=lambda work: -work.priority)
    first = [work for work in waiting if work.round and _is_first(work, person.name)]
    for work in (*first, *waiting):
        if may_annotate(turn, work, person):
            yield work


def _before(work: Work, rest: Iterable[Work]) -> Iterator[Work]:
    yield work
    yield from rest


def _needs_exam(turn: Turn, person: Person, layer: str) -> bool:
    standing = person.exams.get(layer)
    return turn.state.layers[layer].rules.exam_pass > 0 and not (standing and standing.passed)


def _special(turn: Turn, person: Person, kind: str) -> Iterator[Work]:
    """Yield gold or exam items that a person has not answered, in an order of the person's own."""
    every = [work for work in turn.state.work.values() if work.item.kind == kind and work.state == DRAFT]
    for work in sorted(every, key=lambda work: fraction(kind, person.name, work.item.id)):
        if not answered(turn, work, person.name) and lease_of(work, person.name, "annotator") is None:
            yield work


def answered(turn: Turn, work: Work, name: str) -> bool:
    """Say whether a person has answered a gold item, or an exam's in the round that the person is in."""
    person = turn.state.people[name]
    standing = person.exams.get(work.item.layer)
    due = standing.round + 1 if work.item.kind == EXAM and standing else 1
    return sum(version.author == name and version.id in work.scores for version in work.versions.values()) >= due


def may_annotate(turn: Turn, work: Work, person: Person) -> bool:
    """Say whether a person may annotate an item of work now: blind, once a round, where a slot is free."""
    name = person.name
    if work.state != DRAFT or work.item.kind != WORK or name in work.skips:
        return False
    if any(role != "annotator" for role in work.held.get(name, ())):
        return False
    return not has_written(work, name) and lease_of(work, name, "annotator") is None and _slot(turn, work, name) >= 0


def has_written(work: Work, name: str) -> bool:
    """Say whether a slot of this round holds a person's version."""
    return any(slot.version and work.versions[slot.version].author == name for slot in work.slots)


def _slot(turn: Turn, work: Work, name: str) -> int:
    """Return the free slot that a person gets, one that waits for the person first; -1 where there is none."""
    free = [at for at, slot in enumerate(work.slots) if not slot.version and slot.lease is None]
    mine = [at for at in free if work.slots[at].first == name]
    return next(iter([*mine, *(at for at in free if not _waits(turn, work.slots[at]))]), -1)


def _waits(turn: Turn, slot: Slot) -> bool:
    """Say whether a slot waits for somebody, who has time left and is at work."""
    return bool(slot.first) and slot.first_until_ms > turn.now_ms and not turn.state.people[slot.first].paused


def _is_first(work: Work, name: str) -> bool:
    return any(slot.first == name and not slot.version for slot in work.slots)


def leases(work: Work) -> list[tuple[Role, Lease]]:
    """Return what is held of an item, and as what."""
    judging: Role = "adjudicator" if work.state == ADJUDICATE else "reviewer"
    held: list[tuple[Role, Lease]] = [("annotator", slot.lease) for slot in work.slots if slot.lease]
    return held + ([(judging, work.lease)] if work.lease else [])


DONE = ("accepted", "exported", "quarantined")


def expire(turn: Turn) -> int:
    """Free what ran out, and return how much."""
    now_ms = turn.now_ms
    over = [
        Released(work.item.id, lease.person, role, "expired")
        for work in turn.state.work.values()
        if work.state not in DONE
        for role, lease in leases(work)
        if lease.until_ms <= now_ms
    ]
    for event in over:
        turn.happen(event)
    return len(over)


def _held(turn: Turn, item: str, name: str, role: Role) -> Work:
    work = turn.work(item)
    turn.person(name)
    if not any(lease.person == name and held == role for held, lease in leases(work)):
        raise BadInput(f"{name} does not hold it as {role}", where=f"item {item!r}", remedy="see who holds it")
    return work


def release(turn: Turn, item: str, name: str, role: Role) -> None:
    """Give back what a person holds."""
    _held(turn, item, name, role)
    turn.happen(Released(item, name, role, "released"))


def renew(turn: Turn, item: str, name: str, role: Role) -> None:
    """Hold for another term what a person holds."""
    _lease(turn, _held(turn, item, name, role), name, role, -1)


def sent(turn: Turn, item: str, name: str, role: Role, task: str) -> None:
    """Remember the editor's task for what a person holds."""
    lease = next(one for held, one in leases(_held(turn, item, name, role)) if one.person == name and held == role)
    if lease.task != task:
        turn.happen(Sent(item, name, role, task))


def reassign(turn: Turn, item: str, name: str, to: str) -> None:
    """Give what one annotator holds to another, who may have it by every rule but the wait for its author."""
    work, other = _held(turn, item, name, "annotator"), turn.person(to)
    at = next(at for at, slot in enumerate(work.slots) if slot.lease and slot.lease.person == name)
    turn.happen(Released(item, name, "annotator", "reassigned"))
    allowed = "annotator" in other.roles and not other.paused and _may(other, work.item.layer)
    if to == name or work.item.kind != WORK or not allowed or not may_annotate(turn, work, other):
        remedy = "choose an annotator of the layer who is not paused and has not worked on it"
        raise BadInput(f"{to} may not annotate it", where=f"item {item!r}", remedy=remedy)
    _lease(turn, work, to, "annotator", at)
