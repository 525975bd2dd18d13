"""Judging: reviewers accept, fix and reject; adjudicators write what resolves a disagreement."""

from __future__ import annotations

from typing import Literal

from annotators.desk.events import AcceptedNotes, AdjudicationAsked, Rejected, Role, Written
from annotators.desk.incoming import already, next_version, quarantine, refuse
from annotators.desk.measure import Measures, measure_of
from annotators.desk.queue import may_judge
from annotators.desk.settle import of_the_machine
from annotators.desk.state import ADJUDICATE, IN_REVIEW, Work, digest_of_notes
from annotators.desk.submission import Outcome, Review, Submission, flaw
from annotators.desk.turn import Turn


def review(turn: Turn, given: Review, measures: Measures) -> Outcome:
    """Take a reviewer's word on what is in review."""
    digest = _digest(given)
    if seen := already(turn, given.external, given.updated, digest):
        return seen
    work = turn.state.work.get(given.item)
    reason = _may_not(turn, work, given.person, "reviewer") or _flaw(given)
    if work is not None and given.verdict == "fix" and not reason:
        reason = measure_of(measures, work.item.layer).problem(given.notes)
    if work is None or reason:
        return refuse(turn, given.item, given.person, reason, "", given.external, given.updated, digest)
    version = work.asked[0]
    if given.verdict == "reject":
        _reject(turn, work, given)
        return Outcome("judged", version)
    if given.verdict == "fix" and digest_of_notes(given.notes) != work.versions[version].digest:
        return _fix(turn, work, given, measures)
    _stand_or_send_on(turn, work, version, given, measures)
    return Outcome("judged", version)


def _stand_or_send_on(turn: Turn, work: Work, version: str, given: Review, measures: Measures) -> None:
    """Accept a version, unless it speaks against the models in an audit: that takes a third voice."""
    found = of_the_machine(work, work.versions[version], measures)
    stamp = (given.external, given.updated, _digest(given))
    if work.item.why == "audit" and found is not None and found < turn.rules(work).accept_at:
        seen = tuple(dict.fromkeys((*work.asked, version)))
        why = "audit_against_the_models"
        turn.happen(AdjudicationAsked(given.item, seen, why, given.person, given.spent_s, *stamp))
        return
    how: Literal["review", "fix"] = "review" if version == work.asked[0] else "fix"
    turn.happen(AcceptedNotes(given.item, version, how, given.person, given.spent_s, found, *stamp))


def _digest(given: Review) -> str:
    return digest_of_notes(given.notes) + given.verdict + given.comment + given.tag


def _may_not(turn: Turn, work: Work | None, name: str, role: Role) -> str:
    """Return why a person's judgement does not count, empty where it does."""
    if work is None:
        return "unknown_item"
    if name not in turn.state.people:
        return "unknown_person"
    if role not in work.held.get(name, ()):
        return "not_assigned"
    if work.state != (IN_REVIEW if role == "reviewer" else ADJUDICATE):
        return "not_in_review" if role == "reviewer" else "not_in_adjudication"
    if not may_judge(work, name, role):
        return "ones_own_work"
    return "held_by_another" if work.lease and work.lease.person != name else ""


def _flaw(given: Review) -> str:
    if given.verdict == "fix":
        return flaw(given.notes, given.spent_s)
    if given.verdict == "reject" and not (given.comment.strip() and given.tag.strip()):
        return "comment_missing" if not given.comment.strip() else "tag_missing"
    return flaw_of_time(given.spent_s)


def flaw_of_time(spent_s: float) -> str:
    return "" if 0 <= spent_s < float("inf") else "time_spent"


def _reject(turn: Turn, work: Work, given: Review) -> None:
    rules = turn.rules(work)
    chosen = given.then or "requeue" if rules.on_reject == "flexible" else rules.on_reject
    last = chosen == "requeue" and work.rejections + 1 >= rules.rejections_adjudicate
    then = "adjudicate" if last else chosen
    version = work.asked[0]
    turn.happen(
        Rejected(
            given.item,
            version,
            given.person,
            given.comment,
            given.tag,
            "remove" if then == "remove" else "adjudicate" if then == "adjudicate" else "requeue",
            given.spent_s,
            given.external,
            given.updated,
            _digest(given),
        )
    )
    if then == "adjudicate":
        seen = tuple(slot.version for slot in work.slots if slot.version) or (version,)
        turn.happen(AdjudicationAsked(given.item, seen, f"rejected {work.rejections} times"))
    elif then == "remove":
        quarantine(turn, work, f"rejected: {given.tag}")


def _fix(turn: Turn, work: Work, given: Review, measures: Measures) -> Outcome:
    layer, version = turn.layer(work), next_version(work)
    turn.happen(
        Written(
            given.item,
            version,
            given.person,
            "fix",
            given.notes,
            digest_of_notes(given.notes),
            layer.config,
            layer.guideline,
            parent=work.asked[0],
        )
    )
    _stand_or_send_on(turn, work, version, given, measures)
    return Outcome("judged", version)


def adjudicate(turn: Turn, given: Submission, measures: Measures) -> Outcome:
    """Take the version that resolves a disagreement; it stands at once."""
    digest = digest_of_notes(given.notes)
    if seen := already(turn, given.external, given.updated, digest):
        return seen
    work = turn.state.work.get(given.item)
    reason = _may_not(turn, work, given.person, "adjudicator") or flaw(given.notes, given.spent_s)
    if work is not None and not reason:
        reason = measure_of(measures, work.item.layer).problem(given.notes)
        if given.config not in turn.state.configs[work.item.layer]:
            reason = "older_config"
    if work is None or reason:
        return refuse(turn, given.item, given.person, reason, "", given.external, given.updated, digest)
    version = next_version(work)
    turn.happen(
        Written(
            given.item,
            version,
            given.person,
            "adjudication",
            given.notes,
            digest,
            given.config,
            given.guideline,
            resolves=work.asked,
        )
    )
    found = of_the_machine(work, work.versions[version], measures)
    turn.happen(
        AcceptedNotes(
            given.item,
            version,
            "adjudication",
            given.person,
            given.spent_s,
            found,
            given.external,
            given.updated,
            digest,
        )
    )
    return Outcome("judged", version)
