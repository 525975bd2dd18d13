"""Parts of the desk's report as HTML: tables, the burn-down, intervals. Words in it may be anybody's: all is text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite

from annotators.desk.audit import Precision
from annotators.desk.by_question import Question
from annotators.desk.corrections import Correction
from annotators.desk.report import Burn, PersonRow, Report

WIDTH, HEIGHT, LEFT, BOTTOM = 720, 220, 44, 24
ENOUGH = 0.67
"""Krippendorff's bound, below which an alpha carries no conclusion."""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a table of cells that are HTML already; a row of one cell is a heading over the rows below it."""
    head = "".join(f"<th{_number(at, numbers)}>{escape(one)}</th>" for at, one in enumerate(heads))
    body = "".join(_row(cells, len(heads), numbers) for cells in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(cells: Sequence[str], width: int, numbers: Sequence[int]) -> str:
    if len(cells) == 1:
        return f'<tr class="group"><th colspan="{width}">{cells[0]}</th></tr>'
    return "<tr>" + "".join(f"<td{_number(at, numbers)}>{cell}</td>" for at, cell in enumerate(cells)) + "</tr>"


def _number(at: int, numbers: Sequence[int]) -> str:
    return ' class="number"' if at in numbers else ""


def word(text: object) -> str:
    """Return somebody's word as HTML."""
    return f'<span class="foreign">{escape(str(text))}</span>'


def number(value: float, digits: int = 2, least: float | None = None) -> str:
    """Return a number as HTML, a dash where it says nothing; one below `least` stands out."""
    if not isfinite(value):
        return "–"
    said = f"{value:,.{digits}f}"
    return f'<span class="low">{said}</span>' if least is not None and value < least else said


def share(value: float) -> str:
    return f"{value:.0%}" if isfinite(value) else "–"


def burn_down(burn: Sequence[Burn]) -> str:
    """Return the chart of items that had come and of those accepted, day by day."""
    if not burn:
        return '<p class="quiet">Nothing has been asked yet.</p>'
    most, days = max(1, *(one.selected for one in burn)), max(1, len(burn))

    def place(day: int, count: int) -> str:
        x = LEFT + day / days * (WIDTH - LEFT - 8)
        return f"{x:.1f},{(HEIGHT - BOTTOM) - count / most * (HEIGHT - BOTTOM - 12):.1f}"

    came = " ".join([place(0, burn[0].selected), *(place(one.day + 1, one.selected) for one in burn)])
    stands = " ".join([place(0, 0), *(place(one.day + 1, one.accepted) for one in burn)])
    floor = HEIGHT - BOTTOM
    area = f"{LEFT},{floor} {stands} {place(days, 0)}"
    ticks = f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
    ticks += f'<text x="{LEFT - 6}" y="16" text-anchor="end">{most:,}</text>'
    ticks += f'<text x="{LEFT}" y="{HEIGHT - 6}">first day</text>'
    ticks += f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">day {days:,}</text>'
    last = burn[-1]
    says = f"{last.accepted:,} of {last.selected:,} items accepted, {last.selected - last.accepted:,} to go"
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{says}">'
        f'<path class="axis" d="M{LEFT} 8V{floor}H{WIDTH - 8}"/><polygon class="area" points="{area}"/>'
        f'<polyline class="came" points="{came}"/><polyline class="stands" points="{stands}"/>{ticks}</svg>'
        f"<figcaption>{says}. Dashed: what had come; solid: what was accepted.</figcaption></figure>"
    )


def agreement(told: Report) -> str:
    """Return the table of agreement: a layer, its questions, their labels."""
    rows = list[Sequence[str]]()
    for whole in (one for one in told.layers if not one.label):
        rows.append([f"<b>{word(whole.layer)}</b>", f"{whole.pairs:,}", *_pairs(whole.agreement, whole.enough), *"–––"])
        headed = ""
        for one in (one for one in told.questions if one.layer == whole.layer):
            if one.name != headed:
                headed = one.name
                rows.append([word(one.name.replace("_", " ")), *"–––", *("–––" if one.label else _chance(one))])
            if one.label:
                rows.append([f'<span class="part">{word(one.label)}</span>', *_of_label(told, one), *_chance(one)])
    if not rows:
        return '<p class="quiet">No item has been annotated by two people yet.</p>'
    heads = ("layer, question, label", "pairs", "agreement", "enough", "alpha", "kappa", "commonest")
    return table(heads, rows, range(1, 7))


def _of_label(told: Report, asked: Question) -> Sequence[str]:
    for one in told.layers:
        if (one.layer, one.label) == (asked.layer, f"{asked.name}: {asked.label}"):
            return (f"{one.pairs:,}", *_pairs(one.agreement, one.enough))
    return "–––"


def _chance(one: Question) -> Sequence[str]:
    return number(one.alpha, 2, ENOUGH), number(one.kappa), share(one.commonest)


def _pairs(agreement: float, enough: float) -> tuple[str, str]:
    return number(agreement), share(enough)


def people(rows: Sequence[PersonRow], paused: dict[str, str]) -> str:
    """Return the table of people."""
    if not rows:
        return '<p class="quiet">Nobody works here yet.</p>'
    heads = ("person", "done", "accepted", "rejected", "late", "judged", "gold passed", "reliability", "hours", "cost")
    cells = [
        [
            word(one.person)
            + (f' <span class="low">paused</span>: {word(paused[one.person])}' * bool(paused[one.person])),
            *(f"{value:,}" for value in (one.annotated, one.stood, one.rejected, one.late, one.judged)),
            f"{one.gold_passed} of {one.gold}" if one.gold else "–",
            number(one.reliability),
            number(one.hours, 1),
            number(one.cost, 2),
            number(one.cost / one.stood if one.stood else float("nan"), 2),
        ]
        for one in rows
    ]
    return table((*heads, "cost per accepted"), cells, range(1, 11))


def auto_accept(told: Report) -> str:
    """Return what is known of what was accepted by itself: by people's word, and with what gold items say of that."""
    rows = list[Sequence[str]]()
    for layer, plain in told.by_peoples_word.items():
        if plain.audited or plain.pending:
            right = f"{plain.right:,} of {plain.audited:,}"
            rows.append([word(layer), "by people's word", right, f"{plain.pending:,}", _interval(plain), _range(plain)])
            if (known := told.auto_accept[layer]) != plain:
                rows.append(["", "with their errors on gold", "", "", _interval(known), _range(known)])
    if not rows:
        return '<p class="quiet">No audit has begun: routing draws one where it is told how unsure the models are.</p>'
    return table(("layer", "", "right in the audit", "not ended", "95 % interval", ""), rows, (2, 3))


def _interval(one: Precision) -> str:
    return f"{one.low:.1%} to {one.high:.1%}"


def _range(one: Precision) -> str:
    mark = f'<b style="left:{one.share:.1%}"></b>' if isfinite(one.share) else ""
    return f'<div class="range"><i style="left:{one.low:.1%};width:{one.high - one.low:.1%}"></i>{mark}</div>'


def models(rows: Sequence[Correction]) -> str:
    """Return how often each model is wrong, by what people said in the end."""
    told, headed = list[Sequence[str]](), ("", "")
    for one in rows:
        if (one.model, one.layer) != headed:
            headed = (one.model, one.layer)
            told.append([f"{word(one.model)} on {word(one.layer)}"])
        name = f'<span class="part">{word(one.label)}</span>' if one.label else word(one.name.replace("_", " "))
        counts = [f"{count:,}" for count in (one.items, one.said, one.wrong)]
        told.append([name, *counts, f"{one.low:.0%} to {one.high:.0%}" if one.said else "–", f"{one.missed:,}"])
    if not told:
        return '<p class="quiet">Nothing stands yet on which a model had noted something.</p>'
    return table(("note, label", "items", "said", "wrong", "share wrong", "missed"), told, range(1, 6))
