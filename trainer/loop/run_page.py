"""A run as one HTML page without scripts: its curves, losses by kind, what was held out, and what it was asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from msgspec import structs

from trainer.loop.asked import read_asked
from trainer.loop.held_out import read_held_out
from trainer.loop.record import read
from trainer.loop.run_file import put_file

PAGE = "index.html"
WIDTH, HEIGHT, LEFT, BOTTOM = 560, 200, 52, 22
COLOURS = ("#2563eb", "#c2410c", "#15803d", "#7c3aed", "#be123c", "#0e7490", "#a16207", "#4b5563")

Points = Sequence[tuple[float, float]]


class Curve(NamedTuple):
    """A named line of points, or marks where they are few."""

    name: str
    points: Points


def write_page(folder: str) -> None:
    """Write the page of a run into its folder."""
    told, held_out, asked = read(folder), read_held_out(folder), read_asked(folder)
    kinds = sorted({kind for one in told for kind in one.loss_by_kind})
    by_kind = [
        Curve(kind, [(one.step, one.loss_by_kind[kind]) for one in told if kind in one.loss_by_kind]) for kind in kinds
    ]
    aside = sorted({kind for one in held_out for kind in one.loss_by_kind})
    looked = [
        Curve(kind, [(one.step, one.loss_by_kind[kind]) for one in held_out if kind in one.loss_by_kind])
        for kind in aside
    ]

    def of(name: str) -> list[Curve]:
        return [Curve(name.replace("_", " "), [(one.step, float(getattr(one, name))) for one in told])]

    charts = [
        chart("Loss", of("loss")),
        chart("Loss by kind", by_kind),
        *([chart("Loss on held-out data", looked)] if held_out else []),
        chart("Learning rate", of("rate")),
        chart("Norm of the gradient", of("gradient_norm")),
        chart("Tokens a second", of("tokens_per_s")),
        chart("Share of padding", of("padding")),
        *([chart("The busiest expert's load over the mean", of("load"))] if any(one.load for one in told) else []),
    ]
    values = [
        *structs.asdict(asked.stage).items(),
        *structs.asdict(asked.given).items(),
        *structs.asdict(asked.start).items(),
    ]
    tokens = sum(one.tokens for one in told)
    head = (
        f"{len(told):,} of {asked.stage.steps:,} steps, {tokens:,} tokens, {sum(one.targets for one in told):,} targets"
    )
    put_page(folder, f"{asked.stage.name}, {asked.given.preset}", head, charts, values)


def put_page(folder: str, title: str, head: str, charts: Sequence[str], values: Sequence[tuple[str, object]]) -> None:
    """Write a page of charts into a run's folder, with what the run was asked below."""
    rows = "".join(f"<tr><th>{escape(name)}<td>{escape(_said(value))}" for name, value in values)
    page = _PAGE.format(title=escape(title), head=escape(head), charts="".join(charts), rows=rows)
    put_file(os.path.join(folder, PAGE), page.encode())


def chart(title: str, curves: Sequence[Curve]) -> str:
    """Return a chart as SVG; its axes begin at the least and end at the largest value."""
    points = [point for curve in curves for point in curve.points if point[1] == point[1]]
    if not points:
        return ""
    (x0, x1), (y0, y1) = (_span([point[axis] for point in points]) for axis in (0, 1))

    def place(point: tuple[float, float]) -> str:
        x = LEFT + (point[0] - x0) / (x1 - x0) * (WIDTH - LEFT - 8)
        y = (HEIGHT - BOTTOM) - (point[1] - y0) / (y1 - y0) * (HEIGHT - BOTTOM - 8)
        return f"{x:.1f},{y:.1f}"

    drawn, legend = [], []
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        places = [place(point) for point in curve.points if point[1] == point[1]]
        drawn.append(f'<polyline points="{" ".join(places)}" stroke="{colour}"/>')
        drawn += [
            f'<circle cx="{at.split(",")[0]}" cy="{at.split(",")[1]}" r="2.5" fill="{colour}"/>'
            for at in places
            if len(places) < 30
        ]
        legend.append(f'<span style="color:{colour}">{escape(curve.name)} {_short(curve.points[-1][1])}</span>')
    ticks = "".join(
        f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{_short(value)}</text>'
        for y, value in ((HEIGHT - BOTTOM, y0), (14, y1))
    ) + "".join(
        f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{value:,.0f}</text>'
        for x, anchor, value in ((LEFT, "start", x0), (WIDTH - 8, "end", x1))
    )
    frame = f'<path d="M{LEFT} 8V{HEIGHT - BOTTOM}H{WIDTH - 8}" class="axis"/>'
    return (
        f"<figure><figcaption>{escape(title)} {' '.join(legend)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{frame}{ticks}{''.join(drawn)}</svg></figure>"
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _short(value: float) -> str:
    if 0 < abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --soft: #888; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; margin: 0; }} p {{ color: var(--soft); margin: .2rem 0 1.2rem; }}
main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 1.2rem; }}
figure {{ margin: 0; }} figcaption {{ font-weight: 600; }} figcaption span {{ font-weight: 400; margin-left: .7em; }}
svg {{ width: 100%; height: auto; }} polyline {{ fill: none; stroke-width: 1.6; }}
.axis {{ fill: none; stroke: var(--line); }} text {{ font-size: 11px; fill: var(--soft); }}
table {{ border-collapse: collapse; margin-top: 1.5rem; }}
th {{ text-align: left; font-weight: 400; color: var(--soft); padding-right: 1.5em; }}
</style>
<h1>{title}</h1><p>{head}</p>
<main>{charts}</main>
<table>{rows}</table>
"""
