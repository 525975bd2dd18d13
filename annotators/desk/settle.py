"""Settling: what becomes of an item once everybody who was asked has annotated it."""

from __future__ import annotations

from typing import Literal

from annotators.desk.draw import fraction
from annotators.desk.events import AcceptedNotes, AdjudicationAsked, Measured, ReviewAsked, Written
from annotators.desk.item import Notes
from annotators.desk.measure import Measures, least_agreement, measure_of
from annotators.desk.setting_up import DESK
from annotators.desk.state import ANNOTATED, Version, Work, digest_of_notes
from annotators.desk.turn import Turn


def settle(turn: Turn, work: Work, measures: Measures) -> None:
    """Accept an item, or ask a reviewer or an adjudicator; nothing happens before it is whole and its grace over."""
    if work.state != ANNOTATED:
        return
    written = [work.versions[slot.version] for slot in work.slots]
    if max(one.at_ms for one in written) + turn.rules(work).grace_s * 1000 > turn.now_ms:
        return
    if len(written) == 1:
        _stand_or_review(turn, work, written[0], "single", measures)
        return
    measure, rules = measure_of(measures, work.item.layer), turn.rules(work)
    agreement = least_agreement(measure, [one.notes for one in written])
    turn.happen(Measured(work.item.id, tuple(one.id for one in written), agreement))
    notes = measure.merged([one.notes for one in written]) if agreement >= rules.adjudicate_below else None
    if notes is None or measure.problem(notes):
        why = "cannot_be_merged" if agreement >= rules.adjudicate_below else "too_little_agreement"
        turn.happen(AdjudicationAsked(work.item.id, tuple(one.id for one in written), why))
        return
    merged = _merge(turn, work, written, notes)
    if agreement < rules.accept_at:
        turn.happen(ReviewAsked(work.item.id, merged.id, "middling_agreement"))
    else:
        _stand_or_review(turn, work, merged, "agreement", measures)


def _merge(turn: Turn, work: Work, written: list[Version], notes: Notes) -> Version:
    name = f"{work.item.id}.{len(work.versions) + 1}"
    under = {one.guideline for one in written}
    turn.happen(
        Written(
            work.item.id,
            name,
            DESK,
            "merge",
            notes,
            digest_of_notes(notes),
            turn.layer(work).config,
            under.pop() if len(under) == 1 else turn.layer(work).guideline,
            resolves=tuple(one.id for one in written),
        )
    )
    return work.versions[name]


def _stand_or_review(
    turn: Turn, work: Work, version: Version, how: Literal["agreement", "single"], measures: Measures
) -> None:
    """Accept, unless the draw wants a reviewer to see it, or people stand against the models."""
    rules, found = turn.rules(work), of_the_machine(work, version, measures)
    against = found is not None and found < rules.accept_at
    if against and how == "agreement" and work.item.why == "audit":
        turn.happen(AdjudicationAsked(work.item.id, version.resolves, "audit_against_the_models"))
    elif against and how == "single" and (work.item.why == "audit" or not _is_seconded(turn, work, version, measures)):
        turn.happen(ReviewAsked(work.item.id, version.id, "against_the_models"))
    elif fraction("review", work.item.id, str(work.round)) < rules.review_share:
        turn.happen(ReviewAsked(work.item.id, version.id, "sampled"))
    else:
        turn.happen(AcceptedNotes(work.item.id, version.id, how, machine=found))


def _is_seconded(turn: Turn, work: Work, version: Version, measures: Measures) -> bool:
    """Say whether a model, asked again, had said what a person says now."""
    measure, enough = measure_of(measures, work.item.layer), turn.rules(work).accept_at
    return any(measure.agreement(one, version.notes) >= enough for one in work.item.doubts or ())


def of_the_machine(work: Work, version: Version, measures: Measures) -> float | None:
    """Return how far the models' notes agree with a version, None where they noted nothing."""
    if not work.item.machine:
        return None
    return measure_of(measures, work.item.layer).agreement(work.item.machine, version.notes)
