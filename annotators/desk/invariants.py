"""Invariants: what is true of every desk, whatever happened at it.

They are what the random traces of the tests hold, and what is asked of a ledger that was restored. Each costs a look at
every item.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotators.desk.item import WORK
from annotators.desk.queue import leases
from annotators.desk.setting_up import DESK
from annotators.desk.state import ADJUDICATE, ANNOTATED, DRAFT, IN_REVIEW, STANDS, State, Work


def broken(state: State) -> list[str]:
    """Return a sentence for everything that does not hold."""
    found = [f"{work.item.id}: {what}" for work in state.work.values() for what in _of_item(state, work)]
    return found + list(_of_externals(state))


def _of_item(state: State, work: Work) -> Iterator[str]:
    yield from _of_standing(work)
    yield from _of_slots(state, work)
    yield from _of_leases(state, work)
    yield from _of_judging(work)
    yield from _of_versions(state, work)


def _of_standing(work: Work) -> Iterator[str]:
    stand = [one.id for one in work.versions.values() if one.state in STANDS]
    if stand != ([work.standing] if work.standing else []):
        yield f"{stand} stand, the item says {work.standing or 'none'}"
    if work.state in STANDS and work.versions[work.standing].state != work.state if work.standing else False:
        yield f"it is {work.state}, what stands is {work.versions[work.standing].state}"
    if work.state in STANDS and not work.standing:
        yield f"it is {work.state} and nothing stands"
    if work.item.kind != WORK and (work.standing or work.state not in (DRAFT, "quarantined")):
        yield f"the {work.item.kind} item is {work.state}"
    if work.state == "exported" and work.standing not in work.exported:
        yield "it is exported, and in no batch"


def _of_slots(state: State, work: Work) -> Iterator[str]:
    filled = [work.versions[slot.version] for slot in work.slots if slot.version]
    people = [one.author for one in filled] + [slot.lease.person for slot in work.slots if slot.lease]
    if work.item.kind == WORK and len(set(people)) < len(people):
        yield f"one person has two slots: {people}"
    if any(slot.lease and slot.version for slot in work.slots):
        yield "a slot is filled and held"
    if work.item.kind == WORK and any(one.round != work.round for one in filled):
        yield "a slot is filled by an earlier round"
    whole = bool(work.slots) and all(slot.version for slot in work.slots)
    if work.item.kind == WORK and (work.state == DRAFT) and whole:
        yield "it is a draft, and all have annotated it"
    if work.state == ANNOTATED and not whole:
        yield "it is annotated, and somebody is missing"
    if work.state in (DRAFT, ANNOTATED) and any(one.state != "annotated" for one in filled):
        yield f"a slot holds what is {[one.state for one in filled]}"


def _of_leases(state: State, work: Work) -> Iterator[str]:
    for role, lease in leases(work):
        person = state.people[lease.person]
        if person.paused:
            yield f"{lease.person} is paused and holds it"
        if role not in person.roles:
            yield f"{lease.person} holds it as {role} and is none"
    if any(slot.lease for slot in work.slots) and work.state != DRAFT:
        yield f"it is {work.state}, and an annotator holds it"
    if work.lease and work.state not in (IN_REVIEW, ADJUDICATE):
        yield f"it is {work.state}, and a judge holds it"
    if work.lease and work.lease.person in work.authors:
        yield f"{work.lease.person} judges the own work"
    if work.lease and work.state == ADJUDICATE and work.lease.person in work.reviewers:
        yield f"{work.lease.person} reviewed it and adjudicates"


def _of_judging(work: Work) -> Iterator[str]:
    if work.state in (IN_REVIEW, ADJUDICATE) and not work.asked:
        yield f"it is {work.state}, and nothing is shown"
    if work.state not in (IN_REVIEW, ADJUDICATE) and work.asked:
        yield f"it is {work.state}, and {work.asked} are asked about"
    if work.standing and work.how in ("review", "fix"):
        standing = work.versions[work.standing]
        seen = work.versions[standing.parent] if work.how == "fix" else standing
        wrote = {seen.author, *(work.versions[one].author for one in seen.resolves)}
        if work.accepted_by in wrote:
            yield f"{work.accepted_by} accepted the own work"
    if work.standing and work.how == "adjudication":
        wrote = {work.versions[one].author for one in work.versions[work.standing].resolves}
        if work.accepted_by in wrote:
            yield f"{work.accepted_by} adjudicated the own work"


def _of_versions(state: State, work: Work) -> Iterator[str]:
    for version in work.versions.values():
        if version.state == "rejected" and not version.comment.strip():
            yield f"{version.id} is rejected without a comment"
        if version.author != DESK and not work.held.get(version.author):
            yield f"{version.author} wrote {version.id} and never held it"
        if version.state == "late" and any(slot.version == version.id for slot in work.slots):
            yield f"{version.id} is late and fills a slot"
        if version.parent and version.parent not in work.versions:
            yield f"{version.id} comes of {version.parent}, which is not there"
    for name, batch in work.exported.items():
        if work.versions[name].state not in ("exported", "superseded", "rejected"):
            yield f"{name} went out and is {work.versions[name].state}"
        if batch not in state.batches:
            yield f"{name} went out in {batch}, which is not there"


def _of_externals(state: State) -> Iterator[str]:
    for known in state.externals.values():
        if known.version and known.version not in state.work[known.item].versions:
            yield f"the editor's {known.version} is no version of {known.item}"
    for item in state.items():
        if state.subjects.get(item.item.subject) != item.item.id:
            yield f"{item.item.id}: two items are about one subject"
