"""What comes in from an editor, in any order and any number of times: nothing is lost, nothing counts twice.

People's mistakes never raise here, since a webhook has nobody to tell: they are events of their own, and what stands is
untouched. A version that comes too late is kept, and counts for nothing.
"""

from __future__ import annotations

from annotators.desk.events import Deleted, Origin, Quarantined, Refused, Released, Skipped, Written
from annotators.desk.fold import lease_of
from annotators.desk.gold import score
from annotators.desk.item import WORK
from annotators.desk.measure import Measures, measure_of
from annotators.desk.queue import answered, has_written, leases
from annotators.desk.settle import settle
from annotators.desk.state import ADJUDICATE, ANNOTATED, DRAFT, IN_REVIEW, Version, Work, digest_of_notes
from annotators.desk.submission import Outcome, Submission, flaw
from annotators.desk.turn import Turn


def submit(turn: Turn, given: Submission, measures: Measures) -> Outcome:
    """Take an annotation, or an edit of one."""
    digest = digest_of_notes(given.notes)
    if seen := already(turn, given.external, given.updated, digest):
        return seen
    work = turn.state.work.get(given.item)
    known = turn.state.externals.get(given.external)
    before = work.versions.get(known.version) if work and known and known.item == given.item else None
    reason = _stranger(turn, given, work, before) or flaw(given.notes, given.spent_s)
    if work is None or reason:
        return refuse(turn, given.item, given.person, reason, "", given.external, given.updated, digest)
    if problem := measure_of(measures, work.item.layer).problem(given.notes):
        return refuse(turn, given.item, given.person, problem, "", given.external, given.updated, digest)
    if before is not None and not _begins_anew(work, before):
        return _edit(turn, given, work, before, digest, measures)
    return _write(turn, given, work, digest, measures)


def already(turn: Turn, external: str, updated: str, digest: str) -> Outcome | None:
    """Say whether this, or something newer under the same name, came in before; None where it did not."""
    known = turn.state.externals.get(external)
    if not external or known is None:
        return None
    if known.deleted or updated < known.updated:
        return Outcome("stale", known.version, "deleted" if known.deleted else "older_than_known")
    if digest == known.digest and (known.version or updated == known.updated):
        return Outcome("duplicate", known.version)
    return None


def _stranger(turn: Turn, given: Submission, work: Work | None, before: Version | None) -> str:
    """Return why this person cannot have written about this item, empty where it can be."""
    if work is None:
        return "unknown_item"
    if given.person not in turn.state.people:
        return "unknown_person"
    if "annotator" not in work.held.get(given.person, ()):
        return "not_assigned"
    if before is not None and before.author != given.person:
        return "not_ones_own"
    return ""


def _begins_anew(work: Work, before: Version) -> bool:
    """Say whether an edit of a version of an earlier round is work on this one."""
    return before.round < work.round and work.state == DRAFT


def _edit(turn: Turn, given: Submission, work: Work, before: Version, digest: str, measures: Measures) -> Outcome:
    if before.state == "annotated" and work.state not in (DRAFT, ANNOTATED):
        under = work.state in (IN_REVIEW, ADJUDICATE)
        reason = "under_review" if under else "after_acceptance"
    elif before.state not in ("annotated", "late"):
        reason = "under_review" if work.state in (IN_REVIEW, ADJUDICATE) else "after_acceptance"
    elif before.id in work.scores:
        reason = "after_scoring"
    else:
        version = _happen(turn, given, work, digest, origin="edit", parent=before.id)
        settle(turn, work, measures)
        return Outcome("edited", version)
    return refuse(turn, given.item, given.person, reason, before.id, given.external, given.updated, digest)


def _write(turn: Turn, given: Submission, work: Work, digest: str, measures: Measures) -> Outcome:
    late = _late(turn, given, work)
    if late:
        if not given.external and any(one.digest == digest for one in _by(work, given.person)):
            return Outcome("duplicate", next(one.id for one in _by(work, given.person) if one.digest == digest))
        for role, lease in leases(work):
            if role != "annotator" and lease.person == given.person:
                turn.happen(Released(given.item, given.person, role, "withdrawn"))
        return Outcome("late", _happen(turn, given, work, digest, why=late), late)
    at = _slot_of(work, given.person)
    holder = work.slots[at].lease if at < len(work.slots) else None
    if holder and holder.person != given.person:
        turn.happen(Released(given.item, holder.person, "annotator", "overtaken"))
    version = _happen(turn, given, work, digest, slot=at)
    if work.item.kind == WORK:
        settle(turn, work, measures)
    else:
        score(turn, work, version, measures)
    return Outcome("written", version)


def _late(turn: Turn, given: Submission, work: Work) -> str:
    """Return why a version fills no slot, empty where it fills one."""
    if given.config not in turn.state.configs[work.item.layer]:
        return "older_config"
    if work.state != DRAFT:
        return "item_is_past_it"
    if work.item.kind != WORK:
        return "second_answer" if answered(turn, work, given.person) else ""
    if has_written(work, given.person):
        return "second_annotation"
    return "reviewed_it" if set(work.held[given.person]) != {"annotator"} else ""


def _slot_of(work: Work, name: str) -> int:
    """Return the slot that a person's version fills: the person's own, a free one, or one that another holds."""
    for fits in (
        lambda slot: slot.lease is not None and slot.lease.person == name,
        lambda slot: slot.lease is None and not slot.version,
        lambda slot: not slot.version and work.item.kind == WORK,
    ):
        for at, slot in enumerate(work.slots):
            if fits(slot):
                return at
    return len(work.slots)


def _by(work: Work, name: str) -> list[Version]:
    return [one for one in work.versions.values() if one.author == name and one.state != "deleted"]


def _happen(
    turn: Turn,
    given: Submission,
    work: Work,
    digest: str,
    *,
    origin: Origin = "annotation",
    slot: int = -1,
    parent: str = "",
    why: str = "",
) -> str:
    version = next_version(work)
    turn.happen(
        Written(
            given.item,
            version,
            given.person,
            origin,
            given.notes,
            digest,
            given.config,
            given.guideline,
            slot,
            parent,
            external=given.external,
            updated=given.updated,
            spent_s=given.spent_s,
            why=why,
        )
    )
    return version


def next_version(work: Work) -> str:
    """Return the name of an item's next version."""
    return f"{work.item.id}.{len(work.versions) + 1}"


def refuse(
    turn: Turn, item: str, person: str, reason: str, detail: str, external: str, updated: str, digest: str
) -> Outcome:
    """Put on record that something does not count, once for each stamp of it."""
    if seen := already(turn, external, updated, digest):
        return seen
    known = turn.state.externals.get(external)
    if not known or known.updated != updated or known.digest != digest:
        turn.happen(Refused(item, person, reason, detail, external, updated, digest))
    return Outcome("refused", known.version if known else "", reason)


def skip(turn: Turn, item: str, person: str, reason: str, external: str, updated: str, spent_s: float) -> Outcome:
    """Take a person's word that an item cannot be annotated; enough of them, and it leaves the queue."""
    if seen := already(turn, external, updated, ""):
        return seen
    work = turn.state.work.get(item)
    if work is None or person not in turn.state.people:
        return refuse(turn, item, person, "unknown_person" if work else "unknown_item", "", external, updated, "")
    if lease_of(work, person, "annotator") is None:
        return refuse(turn, item, person, "not_held", "", external, updated, "")
    if not reason.strip():
        return refuse(turn, item, person, "no_reason_to_skip", "", external, updated, "")
    turn.happen(Skipped(item, person, reason, external, updated, max(spent_s, 0.0)))
    if work.item.kind == WORK and len(work.skips) >= turn.rules(work).skips_quarantine:
        quarantine(turn, work, f"skipped by {len(work.skips)}: {reason}")
    return Outcome("skipped", reason=reason)


def deleted(turn: Turn, external: str) -> Outcome:
    """Take that an editor has something no longer: gone where nothing was built on it, refused where there was."""
    known = turn.state.externals.get(external)
    if known is not None and known.deleted:
        return Outcome("duplicate", known.version)
    work = turn.state.work.get(known.item) if known else None
    version = work.versions.get(known.version) if work and known else None
    if known is None or work is None or version is None:
        turn.happen(Deleted(external))
        return Outcome("deleted")
    free = work.state in (DRAFT, ANNOTATED) and version.state == "annotated" and version.id not in work.scores
    if free or version.state == "late":
        turn.happen(Deleted(external, known.item, known.version))
        return Outcome("deleted", known.version)
    reason = "deleted_under_review" if work.state in (IN_REVIEW, ADJUDICATE) else "deleted_after_acceptance"
    turn.happen(Refused(known.item, known.person, reason, known.version, external, known.updated, known.digest))
    return Outcome("refused", known.version, reason)


def quarantine(turn: Turn, work: Work, why: str) -> None:
    """Take an item out of the queues, and free whoever holds it."""
    for role, lease in leases(work):
        turn.happen(Released(work.item.id, lease.person, role, "withdrawn"))
    turn.happen(Quarantined(work.item.id, why))
