"""Runs of an experiment: each arm with each seed, a child process with a bound on its processor time, a CSV in the end.

    FOLDER/runs/ARM-SEED/        what the run itself writes; a run that was cut off goes on in it
    FOLDER/points/ARM-SEED.csv   its points, written when it has ended: that it is there says that it need not run again

Time is counted on the processor and not on the clock, so that a busy machine ends no run before its time.
"""

from __future__ import annotations

import csv
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.errors import BadInput

LIMIT_S = 300
LOOK_EVERY_S = 2.0
HERE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


class Point(NamedTuple):
    """Where a run stood: tokens it had drawn until then, and the share of held-out tasks right, by domain."""

    step: int
    drawn_tokens: int
    right: dict[str, float]

    @property
    def mean(self) -> float:
        return sum(self.right.values()) / len(self.right)

    @property
    def worst(self) -> float:
        return min(self.right.values())


class Arm(NamedTuple):
    """One way to train: the words of its command for a seed and a folder, and what reads the points from the folder."""

    name: str
    command: Callable[[int, str], Sequence[str]]
    points: Callable[[str], list[Point]]
    limit_s: int = LIMIT_S


class Ran(NamedTuple):
    """A run that has ended."""

    arm: str
    seed: int
    points: list[Point]


def run_all(
    arms: Sequence[Arm],
    seeds: Sequence[int],
    folder: str,
    tell: Callable[[str], None],
    enough: Callable[[Sequence[Point]], bool] = lambda points: False,
) -> None:
    """Run what has not ended, seed by seed, so that an experiment that is cut off has all arms alike.

    A run whose points are `enough` is ended. Raises BadInput where a run fails in another way than by its time.
    """
    os.makedirs(os.path.join(folder, "points"), exist_ok=True)
    for seed in seeds:
        for arm in arms:
            to = points_path(folder, arm.name, seed)
            if os.path.exists(to):
                tell(f"{arm.name} {seed}: it has run")
                continue
            tell(f"{arm.name} {seed}: {_run(arm, seed, folder, enough)}")


def points_path(folder: str, arm: str, seed: int) -> str:
    """Return where the points of a run lie."""
    return os.path.join(folder, "points", f"{arm}-{seed}.csv")


def _run(arm: Arm, seed: int, folder: str, enough: Callable[[Sequence[Point]], bool]) -> str:
    of_run = os.path.join(folder, "runs", f"{arm.name}-{seed}")
    os.makedirs(os.path.dirname(of_run), exist_ok=True)
    log = f"{of_run}.log"
    with open(log, "ab") as file:
        child = subprocess.Popen(
            arm.command(seed, of_run),
            cwd=HERE,
            stdout=file,
            stderr=file,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": HERE},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (arm.limit_s, arm.limit_s + 10)),
        )
        ended = _until(child, lambda: enough(arm.points(of_run)))
    out_of_time = ended in (-24, 152)
    if ended and not out_of_time:
        raise BadInput(f"{arm.name} with seed {seed} ended with {ended}", where=log, remedy="read its last lines")
    points = arm.points(of_run)
    _put(points_path(folder, arm.name, seed), table_of(points))
    last = f"{points[-1].mean:.1%} right after {points[-1].drawn_tokens:,} tokens" if points else "no point"
    return f"{last}, out of time" if out_of_time else last


def _until(child: subprocess.Popen[bytes], enough: Callable[[], bool]) -> int:
    """Wait for a run, end it where it has come far enough, and return its exit status, 0 where it was ended."""
    try:
        while True:
            try:
                return child.wait(LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                if enough():
                    return 0
    finally:
        child.terminate()
        child.wait()


def table_of(points: Sequence[Point]) -> str:
    """Return points as CSV, a column for each domain."""
    domains = sorted({domain for point in points for domain in point.right})
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("step", "drawn_tokens", *domains))
    for point in points:
        rows.writerow((point.step, point.drawn_tokens, *(f"{point.right[domain]:.6f}" for domain in domains)))
    return text.getvalue()


def read_all(folder: str, arms: Sequence[str], seeds: Sequence[int]) -> list[Ran]:
    """Return the runs of an experiment that have ended."""
    found = []
    for arm in arms:
        for seed in seeds:
            path = points_path(folder, arm, seed)
            if os.path.exists(path):
                with open(path, newline="", encoding="utf-8") as file:
                    found.append(Ran(arm, seed, [_point(row) for row in csv.DictReader(file)]))
    return found


def ostraka(*words: str) -> list[str]:
    """Return a command line of ostraka, of this checkout."""
    return [sys.executable, "-m", "bench.experiments.ostraka", *words]


def _point(row: dict[str, str]) -> Point:
    right = {name: float(value) for name, value in row.items() if name not in ("step", "drawn_tokens")}
    return Point(int(row["step"]), int(row["drawn_tokens"]), right)


def _put(path: str, text: str) -> None:
    with open(f"{path}.partial", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.partial", path)
