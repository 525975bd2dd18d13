"""A plot of curves as SVG: a line for each run, thin, and the median of each arm, thick; no library is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from statistics import median
from typing import NamedTuple

from bench.experiments.runs import Point, Ran

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 76
COLOURS = ("#1f5fa8", "#c0501f", "#2e7d4f", "#7a4a9e", "#8a6d1b")
PLACES = 60


class _Axes(NamedTuple):
    """What the axes reach: tokens from 0 to `tokens`, shares from `low` to `high`, both in tenths."""

    tokens: float
    low: int
    high: int

    def x(self, tokens: float) -> float:
        return LEFT + tokens / self.tokens * (WIDTH - LEFT - RIGHT)

    def y(self, share: float) -> float:
        return TOP + (self.high - 10 * share) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def plotted(title: str, runs: Sequence[Ran], of: Callable[[Point], float], target: float) -> str:
    """Return the SVG of curves over drawn tokens, with a line at the target."""
    axes = _axes_of(runs, of, target)
    arms = list(dict.fromkeys(run.arm for run in runs))
    colours = {arm: COLOURS[at % len(COLOURS)] for at, arm in enumerate(arms)}
    drawn = [_drawn(axes, title), _level(axes, target)]
    for run in runs:
        drawn.append(_curve([(one.drawn_tokens, of(one)) for one in run.points], axes, colours[run.arm], thick=False))
    for arm, curve in _medians(runs, of, axes.tokens).items():
        drawn.append(_curve(curve, axes, colours[arm], thick=True))
    drawn.append(_names(colours))
    body = "\n".join(drawn)
    head = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>\n{ground}\n{body}\n</svg>\n'


def _axes_of(runs: Sequence[Ran], of: Callable[[Point], float], target: float) -> _Axes:
    shares = [target, *(of(point) for run in runs for point in run.points)]
    most = max((point.drawn_tokens for run in runs for point in run.points), default=0)
    low = min(9, floor(10 * min(shares)))
    return _Axes(float(most) or 1.0, low, max(low + 1, ceil(10 * max(shares))))


def _drawn(axes: _Axes, title: str) -> str:
    lines = [f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>']
    for tenth in range(axes.low, axes.high + 1):
        y = axes.y(tenth / 10)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10 * tenth}%</text>')
    step = _round(axes.tokens / 6)
    for at in range(floor(axes.tokens / step) + 1):
        said = f"{at * step / 1000:,.0f}k" if step >= 1000 else f"{at * step:,.0f}"
        x, y = axes.x(at * step), HEIGHT - BOTTOM + 20
        lines.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{said}</text>')
    lines.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - BOTTOM + 38}" text-anchor="middle">generated tokens</text>')
    return "\n".join(lines)


def _round(least: float) -> float:
    """Return the least of 1, 2 and 5 times a power of ten that is as much."""
    power = 10.0 ** floor(log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least)


def _level(axes: _Axes, target: float) -> str:
    y, right = axes.y(target), WIDTH - RIGHT
    return f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#444" stroke-dasharray="5 4"/>'


def _curve(points: Sequence[tuple[float, float]], axes: _Axes, colour: str, *, thick: bool) -> str:
    line = " ".join(f"{axes.x(tokens):.1f},{axes.y(share):.1f}" for tokens, share in points)
    width, opacity = ("3", "1") if thick else ("1", "0.35")
    return (
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity}"/>'
    )


def _names(colours: Mapping[str, str]) -> str:
    x, y, lines = float(LEFT), HEIGHT - 14, list[str]()
    for arm, colour in colours.items():
        lines.append(f'<line x1="{x}" x2="{x + 22}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{x + 28}" y="{y}">{escape(arm)}</text>')
        x += 52 + 7.5 * len(arm)
    return "\n".join(lines)


def _medians(
    runs: Sequence[Ran], of: Callable[[Point], float], whole: float
) -> Mapping[str, list[tuple[float, float]]]:
    """Return each arm's median at even places, as far as all of its runs go."""
    found: dict[str, list[tuple[float, float]]] = {}
    for arm in dict.fromkeys(run.arm for run in runs):
        mine = [
            [(float(one.drawn_tokens), of(one)) for one in run.points] for run in runs if run.arm == arm and run.points
        ]
        if not mine:
            continue
        reach = min(curve[-1][0] for curve in mine)
        places = [whole * at / PLACES for at in range(PLACES + 1) if whole * at / PLACES <= reach]
        found[arm] = [(place, median(_at(curve, place) for curve in mine)) for place in places]
    return found


def _at(curve: Sequence[tuple[float, float]], place: float) -> float:
    for (low, before), (high, after) in pairwise(curve):
        if low <= place <= high:
            return before if high == low else before + (place - low) / (high - low) * (after - before)
    return curve[-1][1]
