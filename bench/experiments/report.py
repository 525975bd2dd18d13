"""The report of an experiment: what it ran, a table of tokens to the target, ratios seed by seed, and two plots."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from math import inf

from bench.experiments.plot import plotted
from bench.experiments.reached import by_arm, middle, ratios
from bench.experiments.runs import Point, Ran

Of = Callable[[Point], float]
MEASURES: tuple[tuple[str, str, Of], ...] = (
    ("mean", "mean over domains", lambda point: point.mean),
    ("worst", "worst domain", lambda point: point.worst),
)


def write_report(folder: str, title: str, about: str, runs: Sequence[Ran], target: float, against: str) -> str:
    """Write the report and its plots into a folder, and return the report's path."""
    os.makedirs(folder, exist_ok=True)
    for name, said, of in MEASURES:
        with open(os.path.join(folder, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(plotted(f"Right answers to held-out tasks, {said}", runs, of, target))
    path = os.path.join(folder, "index.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(_lines(title, about, runs, target, against)) + "\n")
    return path


def _lines(title: str, about: str, runs: Sequence[Ran], target: float, against: str) -> Iterator[str]:
    yield f"# {title}\n\n{about}\n"
    for name, said, of in MEASURES:
        found = by_arm(runs, target, of)
        yield f"## To {target:.0%}, {said}\n"
        yield "| arm | reached | tokens, median | least | most | over " + f"{against}, median | by seed |"
        yield "|---|---|---|---|---|---|---|"
        for arm, of_seed in found.items():
            reached = [tokens for tokens in of_seed.values() if tokens < inf]
            over = ratios(found, arm, against) if against in found else []
            yield (
                "| "
                + " | ".join(
                    (
                        arm,
                        f"{len(reached)} of {len(of_seed)}",
                        _tokens(middle(list(of_seed.values()))),
                        _tokens(min(of_seed.values())),
                        _tokens(max(of_seed.values())),
                        _ratio(middle(over)) if over else "",
                        ", ".join(map(_ratio, over)),
                    )
                )
                + " |"
            )
        yield f"\n![curves]({name}.svg)\n"
    yield "## In the end\n"
    yield "| arm | seed | tokens | mean | worst |\n|---|---|---|---|---|"
    for run in runs:
        if run.points:
            last = run.points[-1]
            yield f"| {run.arm} | {run.seed} | {last.drawn_tokens:,} | {last.mean:.1%} | {last.worst:.1%} |"


def _tokens(count: float) -> str:
    return "never" if count == inf else f"{count:,.0f}"


def _ratio(value: float) -> str:
    return "never" if value == inf else f"{value:.2f}x"
