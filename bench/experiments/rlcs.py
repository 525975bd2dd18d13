"""Curriculum sampling with expansion against uniform GRPO, against the expansion alone, and against TRL's GRPOTrainer.

One model to begin with, one finite pool, half of it trivial and a fifth hopeless (pool.py), tasks of the other split
held out. Prompts, answers to each, rate, clipping and the rest are the tiny preset's on all sides. What is compared are
generated tokens until the held-out tasks are right at the target, as a mean over domains and in the worst domain.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench.experiments.runs import LIMIT_S, Arm, Point, ostraka
from bench.peers import TRL, python_of

STEPS, EVERY, PROMPTS, GROUP = 120, 10, 48, 8
TARGET = 0.8
TRL_LIMIT_S = 900
TITLE = "Curriculum sampling with expansion"
EXPANSION_ALONE = "reweigh = false\n"


def arms(folder: str, start: str, pool: str, test: str) -> list[Arm]:
    """Return the arms of the experiment; a curriculum's file lies in its folder."""
    path = os.path.join(folder, "expansion-alone.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(EXPANSION_ALONE)
    ours = {"uniform": ("--uniform",), "expansion alone": ("--curriculum", path), "curriculum": ()}
    of_trl = (start, pool, test, str(STEPS), str(EVERY), str(PROMPTS), str(GROUP))

    def command(options: Sequence[str], seed: int, to: str) -> list[str]:
        sizes = ("--steps", str(STEPS), "--prompts", str(PROMPTS), "--group", str(GROUP))
        looks = ("--checkpoint-every", str(EVERY), "--no-rollouts", "--seed", str(seed))
        return ostraka(
            "train", "rl", "--data", pool, "--val", test, "--from", start, "--to", to, *sizes, *looks, *options
        )

    found = [Arm(name, partial(command, options), points_of) for name, options in ours.items()]

    def by_trl(seed: int, to: str) -> list[str]:
        return [python_of(TRL), "-m", "bench.experiments.trl", *of_trl, str(seed), to]

    return [*found, Arm("TRL", by_trl, points_of, TRL_LIMIT_S)]


def enough(points: Sequence[Point]) -> bool:
    """Say whether a run need not go on: every domain has come to the target."""
    return bool(points) and points[-1].worst >= TARGET


def about() -> str:
    """Return what the report says it ran."""
    return (
        f"{PROMPTS} prompts a step, {GROUP} answers to each, {STEPS} steps at most, held-out tasks looked at every "
        f"{EVERY} steps. Each run has {LIMIT_S} seconds of one processor, TRL's {TRL_LIMIT_S}, and ends once every "
        "domain has come to the target. Tokens are those that were generated, of prompts that were thrown away too. "
        "`uniform` draws every task alike; `expansion alone` asks more by the ratio's moving average and keeps the "
        "most balanced; `curriculum` draws by worth besides. `TRL` is GRPOTrainer with the same bounds and no KL."
    )


def points_of(folder: str) -> list[Point]:
    """Return the points of a run from its log and its looks at held-out tasks; lines that were cut off are none."""
    drawn, before = {0: 0}, 0
    for line in _lines(os.path.join(folder, "log.jsonl")):
        before += line["drawn"]
        drawn[line["step"] + 1] = before
    looks = {line["step"]: line for line in _lines(os.path.join(folder, "held_out.jsonl"))}
    return [Point(step, drawn[step], looks[step]["right_by_domain"]) for step in sorted(looks) if step in drawn]


def _lines(path: str) -> list[dict[str, Any]]:
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return [json.loads(line) for line in file.read().split(b"\n")[:-1]]
