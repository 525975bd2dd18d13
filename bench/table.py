"""The table of the duels, as it is printed and as docs/bench.md holds it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

from bench.duel import PAIRS, Row
from bench.machine import machine
from bench.photographs import origin

_PACKAGES = ("webdataset", "imagehash", "pillow", "numpy", "pyarrow", "msgspec")
_HEAD = ("duel", "ours", "peer", "ratio (min-max)", "goal", "", "what bounds ours")
_ALIGN = ("---", "--:", "--:", "--:", "--:", "---", "---")
HELP_GOAL_S = 0.35
FINE = 2


def line_of(row: Row) -> str:
    """Return a row as a line of a Markdown table."""
    if row.missing:
        return _line(row.duel, f"{row.ours:,.0f}/s", "-", "-", f">= {row.goal:.3g}x", "not fought", row.missing)
    ratio = median(row.ratios)
    said = "met" if ratio >= row.goal else f"missed: {ratio / row.goal:.0%} of it"
    digits = 2 if row.goal < FINE else 1
    extremes = f"{ratio:.{digits}f}x ({min(row.ratios):.{digits}f}-{max(row.ratios):.{digits}f})"
    return _line(row.duel, f"{row.ours:,.0f}/s", f"{row.peer:,.0f}/s", extremes, f">= {row.goal:.3g}x", said, row.bound)


def head() -> str:
    """Return the two first lines of the table."""
    return f"{_line(*_HEAD)}\n{_line(*_ALIGN)}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def circumstances() -> str:
    """Say on what the duels were fought."""
    return f"{machine(_PACKAGES)} Input: {origin()}."


def help_line() -> str:
    """Return how long `ostraka --help` takes."""
    times_s = []
    for _ in range(PAIRS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "pipelines.cli", "--help"], check=True, capture_output=True)
        times_s.append(time.perf_counter() - begin)
    return f"`ostraka --help`: {median(times_s):.2f} s ({min(times_s):.2f}-{max(times_s):.2f}), goal {HELP_GOAL_S} s"


def page(rows: Sequence[Row], said: Sequence[str]) -> str:
    """Return docs/bench.md."""
    return "\n".join(
        (
            "# Bench",
            "",
            "What `make bench` printed. Both sides do the same work on the same input in one run, A B A B, after a",
            f"warm-up, {PAIRS} pairs; their outputs are compared before anything is timed. Rates are samples a second,",
            "medians; the ratio is the median of the pairs' ratios. One process each, on one processor, timed by its",
            "own time, user and system; resharding, the header filters and the engines have two processors and a wall",
            "clock.",
            "",
            head(),
            *map(line_of, rows),
            "",
            *(f"- {line}" for line in said),
            "",
            circumstances(),
            "",
        )
    )
