"""A learner in small: what the paper leaves open, tried many times in seconds, before a model is asked.

    python -m bench.experiments.small_learner [SEEDS]     print the table of docs/experiments/curriculum-values.md

A task has a hardness h, a skill an ability a, an answer is right with the chance 1 / (1 + exp(h - a)), and a group of
eight moves the ability by a tenth of r (1 - r), r its share of right answers, which is what the gradient of a group
scales with. Of 300 tasks of three skills half lie far below the ability at first and a fifth can never be answered. It
has ended when every skill's ability is 5. What it costs are prompts that were asked; updates are the steps.

It knows no interference between skills, no noise but the draw of answers, and no forgetting: what it says of one value
against another is a hint, and a run of a model has the last word.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from math import exp
from statistics import median
from typing import NamedTuple

from msgspec import structs

from trainer.curriculum.curriculum import CurriculumSampling
from trainer.curriculum.pool import Known
from trainer.curriculum.settings import Settings

SKILLS, TASKS, ROWS, PROMPTS, MOST_STEPS, ENOUGH = "abc", 100, 8, 16, 800, 5.0
EVEN = Settings(prompts=PROMPTS, expand=False, reweigh=False)
OURS = Settings(prompts=PROMPTS)

VARIANTS: Mapping[str, Settings] = {
    "even draws": EVEN,
    "expansion alone": structs.replace(OURS, reweigh=False),
    "weights alone": structs.replace(OURS, expand=False),
    "curriculum": OURS,
    **{f"decay {value}": structs.replace(OURS, decay=value) for value in (0.0, 0.5, 0.8, 0.95)},
    **{f"most_expansion {value:g}": structs.replace(OURS, most_expansion=value) for value in (1.5, 2, 3, 8)},
    **{f"floor {value}": structs.replace(OURS, floor=value) for value in (0.01, 0.05, 0.1, 0.2)},
    **{f"task_share {value}": structs.replace(OURS, task_share=value) for value in (0.25, 0.75, 1.0)},
    **{f"cell_share {value}": structs.replace(OURS, cell_share=value) for value in (0.03, 0.3)},
}


class Key(NamedTuple):
    """A task."""

    key: str


class Answered(NamedTuple):
    """A group of answers."""

    task: Key
    rewards: tuple[float, ...]


class Cost(NamedTuple):
    """What it took to learn it all."""

    prompts: int
    steps: int


def learnt(settings: Settings, seed: int) -> Cost:
    """Return what one learner took."""
    hardness = {f"{skill}-{at}": _hardness(at) for skill in SKILLS for at in range(TASKS)}
    tasks = [Known(key, "math", key[0]) for key in hardness]
    sampling = CurriculumSampling(tasks, structs.replace(settings, seed=seed))
    able, asked = dict.fromkeys(SKILLS, 0.0), 0
    for step in range(MOST_STEPS):
        keys = sampling.choose(step)
        asked += len(keys)
        chances = {key: 1 / (1 + exp(hardness[key] - able[key[0]])) for key in keys}
        groups = [Answered(Key(key), tuple(_answers(chances[key], seed, step, key))) for key in keys]
        for one in sampling.select(groups):
            right = sum(one.rewards) / ROWS
            able[one.task.key[0]] += 0.1 * right * (1 - right)
        if min(able.values()) >= ENOUGH:
            return Cost(asked, step + 1)
    return Cost(asked, MOST_STEPS)


def table(seeds: int) -> Iterator[str]:
    """Yield the lines of the table: medians over seeds, and the ratios to even draws, seed by seed."""
    against = [learnt(EVEN, seed).prompts for seed in range(seeds)]
    yield "| | prompts | over even draws | least | most | steps |"
    yield "|---|---|---|---|---|---|"
    for name, settings in VARIANTS.items():
        costs = [learnt(settings, seed) for seed in range(seeds)]
        ratios = [cost.prompts / even for cost, even in zip(costs, against, strict=True)]
        prompts, steps = median(cost.prompts for cost in costs), median(cost.steps for cost in costs)
        said = (name, f"{prompts:,.0f}", *(f"{one:.2f}x" for one in (median(ratios), min(ratios), max(ratios))))
        yield f"| {' | '.join(said)} | {steps:,.0f} |"


def _hardness(at: int) -> float:
    return -6.0 if at < 50 else 99.0 if at < 70 else 4.0 * (at - 70) / 30


def _answers(chance: float, *key: object) -> Iterator[float]:
    for row in range(ROWS):
        word = int.from_bytes(sha256(repr((key, row)).encode()).digest()[:8], "big")
        yield float(word < chance * 2.0**64)


if __name__ == "__main__":
    print(*table(int(sys.argv[1]) if len(sys.argv) > 1 else 10), sep="\n")
