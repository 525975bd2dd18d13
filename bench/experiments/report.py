"""The report of an experiment: what it ran, tables of tokens to targets, ratios seed by seed, and plots.

What people found in it stands in `findings.md` of the same folder, and is shown first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from bench.experiments.plot import plotted
from bench.experiments.reached import Between, Of, by_arm, middle, ratios, steps, tokens
from bench.experiments.runs import Ran

FINDINGS = "findings.md"
NOT_KNOWN = Between(0.0, inf)


class Measure(NamedTuple):
    """What is looked at of a point, under a name and in words, and the targets, the main one first."""

    name: str
    said: str
    of: Of
    targets: tuple[float, ...]


def write_report(
    folder: str, title: str, about: str, runs: Sequence[Ran], measures: Sequence[Measure], against: Sequence[str]
) -> str:
    """Write the report and its plots into a folder, and return the report's path."""
    os.makedirs(folder, exist_ok=True)
    for measure in measures:
        with open(os.path.join(folder, f"{measure.name}.svg"), "w", encoding="utf-8") as file:
            file.write(plotted(f"Right answers, {measure.said}", runs, measure.of, measure.targets[0]))
    path = os.path.join(folder, "index.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# {title}\n\n")
        if os.path.exists(os.path.join(folder, FINDINGS)):
            file.write(f"```{{include}} {FINDINGS}\n```\n\n")
        file.write("\n".join(_lines(about, runs, measures, against)) + "\n")
    return path


def _lines(about: str, runs: Sequence[Ran], measures: Sequence[Measure], against: Sequence[str]) -> Iterator[str]:
    yield f"## What ran\n\n{about}\n"
    for measure in measures:
        yield f"## {measure.said[0].upper()}{measure.said[1:]}\n\n![curves]({measure.name}.svg)\n"
        for target in measure.targets:
            yield f"To {target:.0%}:\n"
            found, in_steps = (by_arm(runs, target, measure.of, paid) for paid in (tokens, steps))
            yield from _table(found, in_steps, against)
            yield ""
    yield "## In the end\n"
    yield "| arm | seed | tokens | mean | worst |\n|---|---|---:|---:|---:|"
    for run in runs:
        if run.points:
            last = run.points[-1]
            yield f"| {run.arm} | {run.seed} | {last.drawn_tokens:,} | {last.mean:.1%} | {last.worst:.1%} |"


def _table(
    found: dict[str, dict[int, Between]], in_steps: dict[str, dict[int, Between]], against: Sequence[str]
) -> Iterator[str]:
    there = [name for name in against if name in found]
    over = "".join(f" over {name} |" for name in there)
    yield f"| arm | reached | tokens, median | least | most | steps, median |{over}"
    yield "|---|---|---:|---:|---:|---:|" + "---:|" * len(there)
    for arm, of_seed in found.items():
        paid = list(of_seed.values())
        reached = sum(one.high < inf for one in paid)
        least = Between(min(one.low for one in paid), min(one.high for one in paid))
        most = Between(max(one.low for one in paid), max(one.high for one in paid))
        all_steps = middle(list(in_steps[arm].values()))
        cells = [arm, f"{reached} of {len(paid)}", *map(_count, (middle(paid), least, most, all_steps))]
        cells += [_ratio(middle(ratios(found, arm, name))) if name != arm else "" for name in there]
        yield f"| {' | '.join(cells)} |"
    for name in there:
        yield from _by_seed(found, name)


def _by_seed(found: dict[str, dict[int, Between]], against: str) -> Iterator[str]:
    """Yield the lines of each seed's ratios, of the arms of which anything is known."""
    lines = [(arm, ratios(found, arm, against)) for arm in found if arm != against]
    known = [(arm, of_seed) for arm, of_seed in lines if any(one != NOT_KNOWN for one in of_seed)]
    if not known:
        return
    places = range(max(len(of_seed) for _, of_seed in known))
    yield f"\n| over {against}, by seed |{''.join(f' {place} |' for place in places)}"
    yield "|---|" + "---:|" * len(places)
    for arm, of_seed in known:
        yield f"| {arm} | {' | '.join(map(_ratio, of_seed))} |"


def _count(value: Between) -> str:
    return _known(value, lambda count: f"{count:,.0f}")


def _ratio(value: Between) -> str:
    return _known(value, lambda ratio: f"{ratio:.2f}x")


def _known(value: Between, shown: Callable[[float], str]) -> str:
    low, high = value
    if low == high:
        return shown(high)
    if high < inf:
        return f"{shown(low)} to {shown(high)}" if low else f"under {shown(high)}"
    return f"over {shown(low)}" if low else "not known"
