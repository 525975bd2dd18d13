"""A job of reinforcement learning on a model that was never trained: rl_job.py LAST TASKS START FOLDER [OPTION ...].

Paid is the share of an answer's tokens whose number is even: a model that knows nothing earns some of it. After step
LAST it kills itself, unless that is below 0.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from schemas.grade import RIGHT, WRONG, Grade
from schemas.task import Task
from trainer.commands.train_rl import asked_of, parts, rl
from trainer.loop.parallel import ranks
from trainer.rl.loop import Parts, train_rl
from trainer.rl.rollout import Rewarded, Rollout

SMALL = ("--preset", "tiny-1l-1t", "--prompts", "3", "--group", "4", "--answer-tokens", "10", "--row", "256")
SMALL = (*SMALL, "--checkpoint-every", "2", "--rate", "1e-3")


class Evenness:
    """Pays the share of even numbers among an answer's tokens, and calls it right from six tenths on."""

    def reward(self, task: Task, response: str, rollout: Rollout) -> Rewarded:
        tokens = rollout.answer.tokens
        share = sum(token % 2 == 0 for token in tokens) / len(tokens)
        return Rewarded(share, {"evenness": share}, Grade(float(share >= 0.6), RIGHT if share >= 0.6 else WRONG))


@contextmanager
def evenness(*_: Any) -> Iterator[Evenness]:
    yield Evenness()


def run(last: int, tasks: str, start: str, folder: str, *options: str) -> None:
    """Train, and die after a step."""
    torch.set_num_threads(1)
    given = ("--data", tasks, "--from", start, "--to", folder, *SMALL, *options)
    asked = asked_of(dict(rl.make_context("rl", [*given]).params))
    with ranks() as among:
        for told in train_rl(folder, asked, among, Parts(parts(among).curriculum, evenness)):
            if told.step == last:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(int(sys.argv[1]), *sys.argv[2:])
