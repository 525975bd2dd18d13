"""Folding: what each event does to the state, and nothing else; no guard stands here, no clock and no metric."""

from __future__ import annotations

from functools import singledispatch

from annotators.desk import events as e
from annotators.desk.clock import told
from annotators.desk.item import WORK
from annotators.desk.state import Examination, External, Lease, Person, Slot, State, Version, Work


def fold(state: State, event: e.AnyEvent, at_ms: int) -> None:
    """Take an event into the state; `at_ms` is what the clock said."""
    state.seq += 1
    state.clock = told(state.clock, at_ms)
    _take(event, state)


@singledispatch
def _take(event: e.Event, state: State) -> None:
    raise TypeError(f"an event that nobody folds: {type(event).__name__}")


@_take.register
def _(event: e.LayerSet, state: State) -> None:
    state.layers[event.layer.name] = event.layer
    kept = state.configs.get(event.layer.name, []) if event.accepted == "keep" else []
    state.configs[event.layer.name] = [*(one for one in kept if one != event.layer.config), event.layer.config]


@_take.register
def _(event: e.PersonSet, state: State) -> None:
    person = state.people.setdefault(event.person, Person(event.person))
    person.roles, person.layers, person.cost_per_hour = event.roles, event.layers, event.cost_per_hour


@_take.register
def _(event: e.PersonPaused, state: State) -> None:
    state.people[event.person].paused = event.why


@_take.register
def _(event: e.PersonResumed, state: State) -> None:
    state.people[event.person].paused = ""
    state.people[event.person].gold = {}


@_take.register
def _(event: e.Selected, state: State) -> None:
    item = event.item
    slots = [Slot() for _ in range(state.layers[item.layer].rules.overlap)] if item.kind == WORK else []
    state.work[item.id] = Work(item, item.priority, state.clock.at_ms, slots=slots)
    if item.kind == WORK:
        state.subjects[item.subject] = item.id


@_take.register
def _(event: e.Prioritised, state: State) -> None:
    state.work[event.item].priority = event.priority


@_take.register
def _(event: e.Leased, state: State) -> None:
    work, person = state.work[event.item], state.people[event.person]
    lease = lease_of(work, event.person, event.role)
    if lease is not None:
        lease.until_ms = event.until_ms
        return
    if event.role == "annotator":
        if event.slot == len(work.slots):
            work.slots.append(Slot())
        work.slots[event.slot].lease = Lease(event.person, event.until_ms)
        person.taken += 1
    else:
        work.lease = Lease(event.person, event.until_ms)
    roles = work.held.setdefault(event.person, [])
    if event.role not in roles:
        roles.append(event.role)


@_take.register
def _(event: e.Sent, state: State) -> None:
    lease = lease_of(state.work[event.item], event.person, event.role)
    if lease is not None:
        lease.task = event.task


@_take.register
def _(event: e.Released, state: State) -> None:
    work = state.work[event.item]
    if event.role != "annotator":
        work.lease = None
    for slot in work.slots:
        if event.role == "annotator" and slot.lease and slot.lease.person == event.person:
            slot.lease = None


@_take.register
def _(event: e.Written, state: State) -> None:
    work = state.work[event.item]
    written = _version(event, state, work)
    work.versions[event.version] = written
    if event.origin == "edit":
        _edit(work, work.versions[event.parent], written)
    elif event.slot >= 0:
        if event.slot == len(work.slots):
            work.slots.append(Slot())
        work.slots[event.slot].version, work.slots[event.slot].lease = event.version, None
    elif event.origin == "annotation":
        written.state = "late"
    if event.origin in ("annotation", "edit"):
        before_s = work.versions[event.parent].spent_s if event.origin == "edit" else 0.0
        state.people[event.author].spent_s += written.spent_s - before_s
    if work.item.kind == WORK and work.state == "draft" and all(slot.version for slot in work.slots):
        work.state = "annotated"
    _remember(state, event.external, event.item, event.author, event.updated, event.digest, event.version)


def _edit(work: Work, before: Version, after: Version) -> None:
    """Put a version in the place of the one that it edits; an editor counts an annotation's time from its beginning."""
    after.state, before.state = before.state, "superseded"
    after.spent_s = max(after.spent_s, before.spent_s)
    for slot in work.slots:
        if slot.version == before.id:
            slot.version = after.id


def _version(event: e.Written, state: State, work: Work) -> Version:
    return Version(
        event.version,
        event.author,
        event.origin,
        event.notes,
        event.digest,
        event.config,
        state.layers[work.item.layer].taxonomy,
        event.guideline,
        work.round,
        state.clock.at_ms,
        parent=event.parent,
        resolves=event.resolves,
        spent_s=event.spent_s,
        why=event.why,
    )


@_take.register
def _(event: e.Skipped, state: State) -> None:
    work = state.work[event.item]
    work.skips[event.person] = event.reason
    for slot in work.slots:
        if slot.lease and slot.lease.person == event.person:
            slot.lease = None
    state.people[event.person].spent_s += event.spent_s
    work.looked_s += event.spent_s
    _remember(state, event.external, event.item, event.person, event.updated, "", "")


@_take.register
def _(event: e.Deleted, state: State) -> None:
    known = state.externals.setdefault(event.external, External(event.item, "", ""))
    known.deleted = True
    if not event.item:
        return
    work = state.work[event.item]
    work.versions[event.version].state = "deleted"
    for slot in work.slots:
        if slot.version == event.version:
            slot.version = ""
    if work.state == "annotated" and not all(slot.version for slot in work.slots):
        work.state = "draft"


@_take.register
def _(event: e.Refused, state: State) -> None:
    state.refused[event.reason] = state.refused.get(event.reason, 0) + 1
    _remember(state, event.external, event.item, event.person, event.updated, event.digest, "")


@_take.register
def _(event: e.Scored, state: State) -> None:
    work = state.work[event.item]
    if work.item.kind == "gold":
        state.people[event.person].gold.setdefault(work.item.layer, []).append(event.passed)
    work.scores[event.version] = event.passed


@_take.register
def _(event: e.Examined, state: State) -> None:
    state.people[event.person].exams[event.layer] = Examination(event.round, event.passed, event.share)


@_take.register
def _(event: e.Retaken, state: State) -> None:
    before = state.people[event.person].exams.get(event.layer, Examination())
    state.people[event.person].exams[event.layer] = Examination(before.round + 1)


@_take.register
def _(event: e.Measured, state: State) -> None:
    state.work[event.item].agreement = event.agreement


@_take.register
def _(event: e.ReviewAsked, state: State) -> None:
    work = state.work[event.item]
    work.state, work.asked, work.why = "in_review", (event.version,), event.why


@_take.register
def _(event: e.AdjudicationAsked, state: State) -> None:
    work = state.work[event.item]
    work.state, work.asked, work.why, work.lease = "adjudicate", event.versions, event.why, None
    _looked(state, work, event.by, event.spent_s)
    _remember(state, event.external, event.item, event.by, event.updated, event.digest, event.versions[-1])


@_take.register
def _(event: e.AcceptedNotes, state: State) -> None:
    work = state.work[event.item]
    version = work.versions[event.version]
    for one in (work.standing, version.parent, *version.resolves):
        if one and one != event.version and work.versions[one].state not in ("deleted", "rejected"):
            work.versions[one].state = "superseded"
    version.state = work.state = "exported" if event.version in work.exported else "accepted"
    work.standing, work.how, work.accepted_by = event.version, event.how, event.by
    work.accepted_ms, work.machine, work.lease, work.asked = state.clock.at_ms, event.machine, None, ()
    _looked(state, work, event.by, event.spent_s)
    _remember(state, event.external, event.item, event.by, event.updated, event.digest, event.version)


@_take.register
def _(event: e.Rejected, state: State) -> None:
    work = state.work[event.item]
    rejected = work.versions[event.version]
    rejected.state, rejected.comment = "rejected", event.comment
    work.rejections, work.lease = work.rejections + 1, None
    if work.standing == event.version:
        work.standing = work.how = work.accepted_by = ""
    _looked(state, work, event.by, event.spent_s)
    _remember(state, event.external, event.item, event.by, event.updated, event.digest, event.version)
    if event.then == "requeue":
        _again(state, work, event.comment, state.layers[work.item.layer].rules.author_first_s * 1000)


@_take.register
def _(event: e.Quarantined, state: State) -> None:
    work = state.work[event.item]
    work.state, work.why, work.lease, work.asked = "quarantined", event.why, None, ()


@_take.register
def _(event: e.Reopened, state: State) -> None:
    work = state.work[event.item]
    work.why = event.why
    _again(state, work, "", 0)


@_take.register
def _(event: e.Exported, state: State) -> None:
    state.batches[event.batch] = (event.manifest, event.licence)
    for item, version in event.versions.items():
        work = state.work[item]
        work.exported[version] = event.batch
        work.versions[version].state = "exported"
        work.state = "exported"


def lease_of(work: Work, person: str, role: e.Role) -> Lease | None:
    """Return the lease that a person holds of an item, None where it is none."""
    held = [slot.lease for slot in work.slots] if role == "annotator" else [work.lease]
    return next((one for one in held if one and one.person == person), None)


def _again(state: State, work: Work, comment: str, first_ms: int) -> None:
    """Begin another round: what was written is kept, its authors come first for a while."""
    authors = [work.versions[slot.version].author if slot.version else "" for slot in work.slots]
    for version in work.versions.values():
        if version.state == "annotated":
            version.state = "superseded"
    work.state, work.round, work.lease, work.asked = "draft", work.round + 1, None, ()
    work.skips, work.agreement = {}, None
    overlap = state.layers[work.item.layer].rules.overlap if work.item.kind == WORK else 0
    until_ms = state.clock.at_ms + first_ms
    work.slots = [
        Slot(first=author, first_until_ms=until_ms if author else 0, comment=comment)
        for author in (*authors, *[""] * overlap)[:overlap]
    ]


def _looked(state: State, work: Work, person: str, spent_s: float) -> None:
    """Count the time of who reviewed."""
    if person:
        state.people[person].spent_s += spent_s
        work.looked_s += spent_s
        if person not in work.reviewers:
            work.reviewers.append(person)


def _remember(state: State, external: str, item: str, person: str, updated: str, digest: str, version: str) -> None:
    """Know something again that came in; a version that is known stays known whatever is refused later."""
    if external:
        known = state.externals.get(external)
        kept = version or (known.version if known else "")
        state.externals[external] = External(item, person, updated, digest, kept, bool(known and known.deleted))
