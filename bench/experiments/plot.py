"""A plot of curves as SVG: a line for each run, thin, and the median of each arm, thick; no library is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise
from statistics import median

from bench.experiments.runs import Point, Ran

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 76
COLOURS = ("#1f5fa8", "#c0501f", "#2e7d4f", "#7a4a9e", "#8a6d1b")
PLACES = 60


def plotted(title: str, runs: Sequence[Ran], of: Callable[[Point], float], target: float) -> str:
    """Return the SVG of curves over drawn tokens, with a line at the target."""
    whole = max((run.points[-1].drawn_tokens for run in runs if run.points), default=1) or 1
    arms = list(dict.fromkeys(run.arm for run in runs))
    colours = {arm: COLOURS[at % len(COLOURS)] for at, arm in enumerate(arms)}
    drawn = [_axes(title, whole), _level(target)]
    for run in runs:
        drawn.append(_curve([(one.drawn_tokens, of(one)) for one in run.points], whole, colours[run.arm], thick=False))
    for arm, curve in _medians(runs, of, whole).items():
        drawn.append(_curve(curve, whole, colours[arm], thick=True))
    drawn.append(_names(colours))
    body = "\n".join(drawn)
    head = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>\n{ground}\n{body}\n</svg>\n'


def _x(tokens: float, whole: float) -> float:
    return LEFT + tokens / whole * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def _axes(title: str, whole: float) -> str:
    lines = [f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>']
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        y = _y(share)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for at in range(5):
        x, tokens = _x(whole * at / 4, whole), whole * at / 4 / 1000
        anchor = "end" if at == 4 else "middle"
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="{anchor}">{tokens:,.0f}k</text>')
    lines.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - BOTTOM + 38}" text-anchor="middle">generated tokens</text>')
    return "\n".join(lines)


def _level(target: float) -> str:
    y, right = _y(target), WIDTH - RIGHT
    return f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#444" stroke-dasharray="5 4"/>'


def _curve(points: Sequence[tuple[float, float]], whole: float, colour: str, *, thick: bool) -> str:
    line = " ".join(f"{_x(tokens, whole):.1f},{_y(share):.1f}" for tokens, share in points)
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
