"""The desk's report as one HTML page: no script, no request, every word of it text.

Queue, agreement, people, what was accepted by itself, models, what was refused, and disagreements with the frames that
they are about, from the proxies that people saw. It is read off the ledger as it stands, at the ledger's own time.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from importlib import resources

from annotators.desk.audit import Looks
from annotators.desk.audited import looks
from annotators.desk.corrections import corrections
from annotators.desk.events import Refused
from annotators.desk.ledger import Ledger
from annotators.desk.measure import Measures
from annotators.desk.report import Report, report
from annotators.desk.state import State
from pipelines.desk import report_tables as parts
from pipelines.desk.disagreement import See, article
from pipelines.desk.stills import stills

MOST = 30
WHY = {
    "not_assigned": "they never held the item: work in somebody else's project",
    "not_ones_own": "an edit of somebody else's annotation",
    "ones_own_work": "a judgement of one's own work",
    "held_by_another": "a judgement of what another holds",
    "unknown_item": "of an item that the desk does not know",
    "unknown_person": "by somebody whom the desk does not know",
    "empty": "nothing was noted",
    "zero_length": "a span without length",
    "outside_the_clip": "a place outside of the clip",
    "unknown_label": "a label that is not asked for",
    "older_config": "under a config that counts no more",
    "under_review": "an edit of what is before a reviewer",
    "after_acceptance": "an edit of what was accepted",
    "after_scoring": "an edit of a gold item's answer",
    "deleted_under_review": "a deletion of what is before a reviewer",
    "deleted_after_acceptance": "a deletion of what was accepted",
    "comment_missing": "a rejection without a comment",
    "tag_missing": "a rejection without a tag",
}
_AT = re.compile(r"@([a-z]+)@")


def page(name: str, ledger: Ledger, measures: Measures, media: str = "", most: int = MOST) -> bytes:
    """Return the page of a desk; `media` is where its clips lie, without which no frame is shown."""
    state = ledger.refresh()
    told = report(state, measures, most)
    refused = [one.event for one in ledger.history() if isinstance(one.event, Refused)]
    sections = [
        _section("Queue", "What was asked, and how much of it is accepted.", parts.burn_down(told.burn)),
        _section("Agreement", _AGREEMENT, parts.agreement(told)),
        _section("People", _PEOPLE, parts.people(told.people, {one.name: one.paused for one in state.people.values()})),
        _section("Accepted by itself", _ALONE, parts.auto_accept(told) + _auditors(state, measures)),
        _section("Models", _MODELS, parts.models(corrections(state))),
        _section("Refused", _REFUSED, _refusals(refused)),
        _section("Disagreements", _APART, _articles(state, told, media)),
    ]
    when = datetime.fromtimestamp(state.clock.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    values = {
        "name": escape(f"Desk {name}"),
        "when": f"As of {when}, after {state.seq:,} events",
        "sum": _sum(told),
        "sections": "".join(sections),
    }
    template = resources.files("pipelines.desk").joinpath("report.html").read_text(encoding="utf-8")
    return _AT.sub(lambda found: values[found[1]], template).encode()


def _section(title: str, lead: str, body: str) -> str:
    return f'<section><h2>{title}</h2><p class="lead">{lead}</p>{body}</section>'


def _sum(told: Report) -> str:
    every = sum(told.states.values())
    counted = [
        ("done", f"{told.accepted:,}", f"of {every:,} accepted"),
        ("", parts.number(told.hours, 1), "hours"),
        ("", parts.number(told.cost, 2), "spent"),
        ("", parts.number(told.cost_per_note, 2), "per accepted note"),
    ]
    top = "".join(f'<div class="{kind}"><b>{value}</b> {says}</div>' for kind, value, says in counted)
    order = ("accepted", "exported", "in_review", "adjudicate", "annotated", "draft", "quarantined")
    there = [(state, told.states[state]) for state in order if told.states.get(state)]
    bars = "".join(
        f'<span class="{"done" * (state in ("accepted", "exported"))}" style="flex:{count}"></span>'
        for state, count in there
    )
    legend = "".join(f"<span>{state.replace('_', ' ')} {count:,}</span>" for state, count in there)
    bar = f'<div class="bar" aria-hidden="true">{bars}</div>'
    return f'<div class="sum">{top}</div>{bar}<p class="legend small">{legend}</p>'


def _auditors(state: State, measures: Measures) -> str:
    """Return a line a layer on how well people audit, as gold items tell it."""
    lines = [_auditing(layer, looks(state, measures, layer)) for layer in state.layers if layer in _audited(state)]
    return "".join(f'<p class="small quiet">{line}</p>' for line in lines)


def _audited(state: State) -> set[str]:
    return {work.item.layer for work in state.items() if work.item.why == "audit"}


def _auditing(layer: str, known: Sequence[Looks]) -> str:
    if not known:
        why = "no gold item has a wrong note of a model's that they could have repeated"
        return f"{parts.word(layer)}: how often people repeat a model's mistake is not known, since {why}."
    said = ", ".join(f"{one.repeated} of {one.wrong}" for one in known)
    return f"{parts.word(layer)}: of models' wrong notes on gold items the looks in turn repeated {said}."


def _refusals(refused: Sequence[Refused]) -> str:
    if not refused:
        return '<p class="quiet">Nothing was refused.</p>'
    by_reason = defaultdict[str, Counter[str]](Counter)
    for one in refused:
        by_reason[one.reason][one.person] += 1
    rows = [
        [
            parts.word(reason.replace("_", " ")),
            parts.word(WHY.get(reason, "as the layer's measure says")),
            f"{people.total():,}",
            ", ".join(f"{parts.word(who or 'nobody')} {count:,}" for who, count in people.most_common(8)),
        ]
        for reason, people in sorted(by_reason.items(), key=lambda one: -one[1].total())
    ]
    return parts.table(("reason", "which is", "times", "by"), rows, (2,))


def _articles(state: State, told: Report, media: str) -> str:
    see: See = partial(stills, media) if media else lambda item, versions: []
    return "".join(article(state, one, see) for one in told.disagreements) or '<p class="quiet">There is none.</p>'


_AGREEMENT = (
    "Between people who annotated the same item blind. Agreement is the layer's own measure, enough how often it was "
    "enough to accept. Alpha is Krippendorff's, kappa the mean of Cohen's over pairs, both beyond chance: below 0.67 "
    "an alpha carries no conclusion, and where nearly all answers are the commonest one it falls however well people "
    "agree."
)
_PEOPLE = (
    "Accepted counts versions that stand or went into one that does. Reliability is how often a person says what is "
    "so, by Dawid and Skene's model, over questions on which people share twenty items or more."
)
_ALONE = "How often models are right on what no person was asked about, as a fixed random audit of it tells."
_MODELS = "How often what a model had noted was not what people said in the end; nothing is trained on it silently."
_REFUSED = "What came in and does not count; what stands is untouched by it."
_APART = "Items on which people differed most, the least agreement first. What not all of them say is coloured."
