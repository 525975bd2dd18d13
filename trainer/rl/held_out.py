"""Held-out tasks: how many of them are answered right, by domain, when the likeliest token is taken each time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from trainer.rl.rollout import Group

HELD_OUT = "held_out.jsonl"


class RlHeldOutTold(Struct, frozen=True):
    """Shares that are right before a step: of all tasks, and of each domain's, with how many these are."""

    step: int
    right: float
    right_by_domain: dict[str, float]
    tasks_by_domain: dict[str, int]


def looked(groups: Sequence[Group], step: int) -> RlHeldOutTold:
    """Return what single answers to tasks came to."""
    tasks = Counter(group.task.task.domain for group in groups)
    right = Counter(group.task.task.domain for group in groups if group.right)
    return RlHeldOutTold(
        step,
        sum(right.values()) / max(1, sum(tasks.values())),
        {domain: right[domain] / tasks[domain] for domain in sorted(tasks)},
        dict(sorted(tasks.items())),
    )


def write_held_out(folder: str, told: RlHeldOutTold) -> None:
    """Add a line to the run's file."""
    with open(os.path.join(folder, HELD_OUT), "ab") as file:
        file.write(msgspec.json.encode(told) + b"\n")


def read_held_out(folder: str) -> list[RlHeldOutTold]:
    """Return what was looked at, in order; a last line that was cut off is none."""
    try:
        with open(os.path.join(folder, HELD_OUT), "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=RlHeldOutTold) for line in lines]
