"""How many groups of an experiment's runs taught: of those that were asked, and of those that were learnt from.

    python -m bench.experiments.taught FOLDER     print the table, from the logs in FOLDER/runs

A group teaches where its answers were paid differently. Those that teach are kept before all others, so of the groups
that are learnt from as many teach as there are, up to all of them. TRL's log says nothing of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from glob import escape, glob
from statistics import median
from typing import NamedTuple


class Taught(NamedTuple):
    """A run's steps, and the shares of groups that taught."""

    steps: int
    of_asked: float
    of_learnt_from: float


def taught(path: str) -> Taught:
    """Return what a run's log says."""
    with open(path, "rb") as file:
        lines = [json.loads(line) for line in file.read().split(b"\n")[:-1]]
    teach = [line["teaching"] * line["groups"] for line in lines]
    kept = [min(count, line["learnt_from"]) for count, line in zip(teach, lines, strict=True)]
    asked, learnt_from = (sum(line[name] for line in lines) for name in ("groups", "learnt_from"))
    return Taught(len(lines), sum(teach) / asked, sum(kept) / learnt_from)


def table(folder: str) -> Iterator[str]:
    """Yield the lines of the table: medians over seeds."""
    runs: dict[str, list[Taught]] = {}
    for path in sorted(glob(os.path.join(escape(folder), "runs", "*", "log.jsonl"))):
        arm = os.path.basename(os.path.dirname(path)).rpartition("-")[0]
        if arm != "TRL":
            runs.setdefault(arm, []).append(taught(path))
    yield "| arm | steps, by seed | of groups asked taught | of groups learnt from taught |"
    yield "|---|---|---:|---:|"
    for arm, of_arm in runs.items():
        shares = [f"{median(one[at] for one in of_arm):.0%}" for at in (1, 2)]
        yield f"| {arm} | {', '.join(str(one.steps) for one in of_arm)} | {' | '.join(shares)} |"


if __name__ == "__main__":
    print(*table(sys.argv[1]), sep="\n")
