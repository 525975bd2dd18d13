"""Curriculum sampling with expansion against uniform GRPO, against either half of it, and against TRL's GRPOTrainer.

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

from bench.experiments.pool import ANSWERS, HOPELESS_SHARE, TASKS, TEST, TRIVIAL_FROM, TRIVIAL_SHARE
from bench.experiments.report import Measure
from bench.experiments.runs import LIMIT_S, Arm, Point, ostraka
from bench.peers import TRL, python_of

EVERY, PROMPTS, GROUP = 10, 48, 8
STEPS, EXPANDED_STEPS = 130, 100
"""An arm that asks more prompts than it learns from has fewer steps: both are as many as their time allows."""
TARGET = 0.8
MEASURES = (
    Measure("mean", "mean over domains", lambda point: point.mean, (TARGET, 0.75)),
    Measure("worst", "worst domain", lambda point: point.worst, (TARGET, 0.7)),
)
AGAINST = ("TRL", "uniform")
TRL_LIMIT_S = 900
TITLE = "Curriculum sampling with expansion"
ALIKE = "proportions = { counting = 1, ocr = 1, vqa = 1 }"
CURRICULA = {
    "expansion alone": (EXPANDED_STEPS, "reweigh = false"),
    "weights alone": (STEPS, f"expand = false\ntask_share = 1.0\n{ALIKE}"),
    "curriculum": (EXPANDED_STEPS, f"most_expansion = 1.5\ntask_share = 1.0\n{ALIKE}"),
}
"""An arm's steps, and where its settings are not the trainer's own; they were chosen with a seed that is none of the
experiment's."""


def arms(folder: str, start: str, pool: str, test: str) -> list[Arm]:
    """Return the arms of the experiment; the files of their curricula lie in its folder."""
    ours: dict[str, tuple[int, tuple[str, ...]]] = {"uniform": (STEPS, ("--uniform",))}
    for name, (steps, settings) in CURRICULA.items():
        path = os.path.join(folder, f"{name.replace(' ', '-')}.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{settings}\n")
        ours[name] = (steps, ("--curriculum", path))
    of_trl = (start, pool, test, str(STEPS), str(EVERY), str(PROMPTS), str(GROUP))

    def command(steps: int, options: Sequence[str], seed: int, to: str) -> list[str]:
        sizes = ("--steps", str(steps), "--prompts", str(PROMPTS), "--group", str(GROUP))
        looks = ("--checkpoint-every", str(EVERY), "--no-rollouts", "--seed", str(seed))
        return ostraka(
            "train", "rl", "--data", pool, "--val", test, "--from", start, "--to", to, *sizes, *looks, *options
        )

    found = [Arm(name, partial(command, steps, options), points_of) for name, (steps, options) in ours.items()]

    def by_trl(seed: int, to: str) -> list[str]:
        return [python_of(TRL), "-m", "bench.experiments.trl", *of_trl, str(seed), to]

    return [*found, Arm("TRL", by_trl, points_of, TRL_LIMIT_S)]


def enough(points: Sequence[Point]) -> bool:
    """Say whether a run need not go on: every domain has come to the target."""
    return bool(points) and points[-1].worst >= TARGET


def about() -> str:
    """Return what the report says it ran."""
    hopeless, trivial = round(HOPELESS_SHARE * TASKS), round(TRIVIAL_SHARE * TASKS)
    settings = "\n\n".join(f"`{name}`:\n\n```toml\n{said}\n```" for name, (_, said) in CURRICULA.items())
    return (
        f"A pool of {TASKS:,} tasks: {trivial:,} trivial for the model to begin with, {TRIVIAL_FROM} of {ANSWERS} "
        f"answers right or more, {hopeless:,} with a reference that nobody can know, and the rest middling; of the "
        f"last two as many in each domain. Held out are {TEST} drawn tasks as they come. No arm is told which is "
        "which.\n\n"
        f"{PROMPTS} prompts a step are learnt from, {GROUP} answers to each; {STEPS} steps at most, {EXPANDED_STEPS} "
        "where more is asked than is learnt from, as many as time allows. The rate is the tiny preset's and falls over "
        f"the steps. Held-out tasks are answered every {EVERY} steps. Each run has {LIMIT_S} seconds of one processor, "
        f"TRL's {TRL_LIMIT_S}, and ends once every domain has come to the target. Tokens are those that were "
        "generated, of prompts that were thrown away too.\n\n"
        "`uniform` draws every task alike. `expansion alone` asks more by the ratio's moving average and keeps the "
        "most balanced. `weights alone` draws by worth, `curriculum` does both. `TRL` is GRPOTrainer with the same "
        f"bounds, rate and sizes, and no KL.\n\n{settings}"
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
