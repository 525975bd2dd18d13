"""What a duel is: two functions timed in turn on the same processors, and the row of the table that comes of it."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

PAIRS = 5
Pair = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """A line of the table: rates in samples/s (medians), the ratio's median and extremes over the pairs."""

    duel: str
    ours: float
    peer: float
    ratios: tuple[float, ...]
    goal: float
    bound: str
    missing: str = ""


def require(holds: bool, what: str) -> None:
    """Stop where the two sides did not do the same work."""
    if not holds:
        raise SystemExit(f"the two sides disagree: {what}")


@contextmanager
def pinned(cpus: int) -> Iterator[None]:
    """Hold this process, and the ones it starts, to its first `cpus` processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cpus])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long one run takes by a clock."""
    gc.collect()
    begin = clock()
    work()
    return clock() - begin


def interleave(
    ours: Callable[[], object], peer: Callable[[], object], *, cpus: int = 1, pairs: int = PAIRS, warm: bool = True
) -> list[Pair]:
    """Return the seconds of both sides, pair by pair, after a warm-up of each where `warm`.

    On one processor these are the process's own, user and system: both sides work in memory and wait for nothing, and
    so a neighbour on the machine takes no part. On more they are a wall clock's.
    """
    clock = time.process_time if cpus == 1 else time.perf_counter
    with pinned(cpus):
        if warm:
            ours()
            peer()
        return [(seconds(ours, clock), seconds(peer, clock)) for _ in range(pairs)]


def row(
    duel: str,
    times_s: Sequence[Pair],
    samples: int,
    goal: float,
    bound: str,
    peer_samples: int | None = None,
) -> Row:
    """Return the row of a duel; `peer_samples` where the peer was given fewer."""
    rates = [(samples / ours, (peer_samples or samples) / peer) for ours, peer in times_s]
    return Row(
        duel,
        median(ours for ours, _ in rates),
        median(peer for _, peer in rates),
        tuple(ours / peer for ours, peer in rates),
        goal,
        bound,
    )
