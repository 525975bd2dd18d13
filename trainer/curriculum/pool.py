"""A pool of tasks: what is known of each before training, and a tier and a cell for each as training goes on.

A tier is a range of pass rates, those of schemas/difficulty.py: from 0.9 on very easy, from 0.6 easy, from 0.3 medium,
from 0.05 hard, below that very hard. A task's rate is merged from what was known and what is seen by one moving
average: it begins as the measured pass rate, or the middle rate of the tier that people gave, or of both (tiers merge
as in `ostraka difficulty`), and every group of answers moves it `task_share` of the way to its own share of right ones.
A cell is a sub-category (domain and skill) in one tier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.difficulty import EASIER_FROM, difficulty
from schemas.task import DIFFICULTIES, Difficulty
from trainer.curriculum.draw import words_of
from trainer.curriculum.settings import Settings
from trainer.plan.permutation import Words

TIERS = len(DIFFICULTIES)
CANARY = "canary"
"""The skill of a task that nobody can answer: what it is paid has to stay 0."""


class Known(Struct, frozen=True):
    """A task as a curriculum knows it; `pass_rate` is what a model answered right before, below 0 where none did."""

    key: str
    domain: str
    skill: str = ""
    difficulty: Difficulty | Literal[""] = ""
    pass_rate: float = -1.0


class Pool:
    """Tasks as columns, N of them; S sub-categories by name."""

    def __init__(self, tasks: Sequence[Known], settings: Settings) -> None:
        self.keys = tuple(task.key for task in tasks)
        self.place = {key: at for at, key in enumerate(self.keys)}
        names = [f"{task.domain}/{task.skill or task.domain}" for task in tasks]
        self.subs = tuple(sorted(set(names)))
        self.domains = tuple(sorted({task.domain for task in tasks}))
        number = {name: at for at, name in enumerate(self.subs)}
        self.sub_N = np.array([number[name] for name in names], np.int64)
        self.domain_N = np.array([self.domains.index(task.domain) for task in tasks], np.int64)
        self.canary_N = np.array([task.skill == CANARY for task in tasks], bool)
        self.words_N: Words = words_of(self.keys)
        self.first_rate_N = np.array([first_rate(task, settings) for task in tasks], np.float64)

    def __len__(self) -> int:
        return len(self.keys)


def first_rate(task: Known, settings: Settings) -> float:
    """Return the rate that a task is taken to pass at before it is seen."""
    if not task.difficulty:
        return task.pass_rate if task.pass_rate >= 0 else settings.unknown_rate
    by_people = settings.rates[DIFFICULTIES.index(task.difficulty)]
    if task.pass_rate < 0:
        return by_people
    merged = difficulty(task.pass_rate, task.difficulty)
    return task.pass_rate if merged == difficulty(task.pass_rate) else settings.rates[DIFFICULTIES.index(merged)]


def tiers_of(rate_N: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the tier of each rate, 0 very easy."""
    return np.asarray(np.sum(rate_N[:, None] < np.array(EASIER_FROM), axis=1), np.int64)
