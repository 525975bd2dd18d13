"""The outlook of a plan: how full it packs, what kinds it trains on, how often, and how long ranks wait.

It is measured on the plan's first windows and steps; the rest is like them, as every window has the same mix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from schemas.kind import KINDS
from trainer.plan.cost import Cost
from trainer.plan.deal import dealt, wait
from trainer.plan.plan import Plan
from trainer.plan.pool import Pool
from trainer.plan.window import column_of

WINDOWS = 8
STEPS = 8


class OfKind(Struct, frozen=True):
    """What a step trains on of one kind, on average."""

    kind: str
    samples: float
    tokens: float
    targets: float
    patches: float


class Outlook(Struct, frozen=True):
    """`fill`: the share of a sequence that is documents; `pass_steps`: the steps of a pass over each pool; `wait`: how
    long a step takes for so many ranks, over how long it would if none waited."""

    windows: int
    sequences_a_window: float
    fill: float
    kinds: tuple[OfKind, ...]
    pass_steps: tuple[float, ...]
    wait: float


def outlook(plan: Plan, ranks: int, cost: Cost) -> Outlook:
    """Measure a plan."""
    windows = [plan.window(number) for number in range(WINDOWS)]
    sequences = sum(map(len, windows))
    steps = sequences / plan.order.batch
    columns = {
        name: np.concatenate([column_of(plan.pools, window, name) for window in windows]).astype(np.float64)
        for name in ("kind_N", "tokens_N", "targets_N", "patches_N")
    }
    kinds = []
    for number, kind in enumerate(KINDS):
        mine = columns["kind_N"] == number
        if mine.any():
            sums = (float(columns[name][mine].sum()) / steps for name in ("tokens_N", "targets_N", "patches_N"))
            kinds.append(OfKind(kind, float(mine.sum()) / steps, *sums))
    return Outlook(
        len(windows),
        sequences / len(windows),
        float(columns["tokens_N"].sum()) / (sequences * plan.order.sequence_tokens),
        tuple(kinds),
        _pass_steps(plan.pools, len(columns["tokens_N"]) / steps),
        _wait(plan, ranks, cost),
    )


def _pass_steps(pools: Sequence[Pool], samples_a_step: float) -> tuple[float, ...]:
    weights = sum(pool.weight for pool in pools)
    return tuple(len(pool) / (samples_a_step * pool.weight / weights) for pool in pools)


def _wait(plan: Plan, ranks: int, cost: Cost) -> float:
    position, waits = plan.at(0), list[float]()
    for _ in range(STEPS):
        costs = cost.of(plan.pools, plan.rows(position))
        waits.append(wait(costs, dealt(costs, ranks)))
        position = plan.after(position)
    return float(np.mean(waits))
