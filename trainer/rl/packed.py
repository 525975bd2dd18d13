"""Answers as documents to pack: their tokens, what they take, and what each token is learnt with.

A document is a prompt with its answer, so a picture's tokens are in it once, and its targets are the tokens that the
model chose. Signals stand in the order of targets in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from trainer.documents.document import Document
from trainer.model.pack import PackedBatch
from trainer.rl.advantage import advantages
from trainer.rl.micro_steps import Sizes
from trainer.rl.objective import Signals, Weighting
from trainer.rl.rollout import Group, Rollout


class Weighed(NamedTuple):
    """An answer to learn from, and how much better it was paid than the others of its group."""

    rollout: Rollout
    advantage: float


def weighed(groups: Sequence[Group]) -> list[Weighed]:
    """Return the answers of groups with their advantages; one of which no token was drawn is left out."""
    return [
        Weighed(rollout, advantage)
        for group in groups
        for rollout, advantage in zip(group.rollouts, advantages(group.rewards), strict=True)
        if rollout.drawn
    ]


def document_of(rollout: Rollout) -> Document:
    """Return the prompt and the answer as one document; the tokens that were drawn are its targets."""
    prompt = rollout.prompt
    begin = len(prompt.tokens_T)
    tokens_T = np.concatenate([prompt.tokens_T, np.array(rollout.answer.tokens, np.int32)])
    is_target_T = np.arange(len(tokens_T)) >= begin
    is_target_T[[begin + place for place in rollout.injected]] = False
    return Document(rollout.task.key, "cot", tokens_T, is_target_T, prompt.grids_N3, prompt.patches_PD)


def seen_once(row: PackedBatch, documents: Sequence[Document], tasks: Sequence[str]) -> PackedBatch:
    """Return a row in which the pictures of a task, that each of its answers stands behind, are looked at once."""
    pictures = [len(one.grids_N3) for one in documents]
    patches = [len(one.patches_PD) for one in documents]
    picture_D1, patch_D1 = np.cumsum([0, *pictures]), np.cumsum([0, *patches])
    first = {task: place for place, task in reversed(list(enumerate(tasks)))}
    kept = sorted(first.values())
    begins = dict(zip(kept, np.cumsum([0, *(pictures[place] for place in kept)]).tolist(), strict=False))
    shown = [begins[first[task]] + at for task, count in zip(tasks, pictures, strict=True) for at in range(count)]
    shown.append(sum(pictures[place] for place in kept))
    picture_N = [*(at for one in kept for at in range(picture_D1[one], picture_D1[one + 1])), int(picture_D1[-1])]
    padding = row.patches_PD[int(patch_D1[-1]) :]
    mine = [row.patches_PD[patch_D1[one] : patch_D1[one + 1]] for one in kept]
    return row._replace(
        patches_PD=torch.cat([*mine, padding]), grids_N3=row.grids_N3[picture_N], shown=tuple(map(int, shown))
    )


def sizes_of(documents: Sequence[Document]) -> Sizes:
    """Return what documents take."""
    patches = [one.grids_N3.prod(axis=1) for one in documents]
    return Sizes(
        np.array([len(one.tokens_T) for one in documents], np.int64),
        np.array([int(one.sum()) for one in patches], np.int64),
        np.array([int((one * one).sum()) for one in patches], np.int64),
    )


def signals_of(answers: Sequence[Weighed], weighting: Weighting) -> Signals:
    """Return what the tokens of answers are learnt with, one answer after another."""
    old, advantage, weight = list[float](), list[float](), list[float]()
    for rollout, its_advantage in answers:
        barred = frozenset(rollout.injected)
        drawn = [one for place, one in enumerate(rollout.answer.logprobs) if place not in barred]
        old += drawn
        advantage += [its_advantage] * len(drawn)
        weight += [1 / len(drawn) if weighting == "sample" else 1.0] * len(drawn)
    return Signals(*(torch.tensor(one, dtype=torch.float32) for one in (old, advantage, weight)))
