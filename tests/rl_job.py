"""A job of reinforcement learning on a model that was never trained: rl_job.py TASKS START FOLDER [OPTION VALUE ...].

Paid is the share of an answer's tokens whose number is even: a model that knows nothing earns some of it.
"""

from __future__ import annotations

import sys

from schemas.grade import RIGHT, WRONG, Grade
from schemas.task import Task
from trainer.commands.train_rl import asked_of, rl
from trainer.loop.parallel import ranks
from trainer.rl.asked import RlAsked
from trainer.rl.loop import Parts, train_rl
from trainer.rl.rollout import Rewarded, Rollout

SMALL = ("--prompts", "3", "--group", "4", "--answer-tokens", "10", "--row", "256", "--checkpoint-every", "2")


class Evenness:
    """Pays the share of even numbers among an answer's tokens, and calls it right from six tenths on."""

    def reward(self, task: Task, response: str, rollout: Rollout) -> Rewarded:
        tokens = rollout.answer.tokens
        share = sum(token % 2 == 0 for token in tokens) / len(tokens)
        return Rewarded(share, {"evenness": share}, Grade(float(share >= 0.6), RIGHT if share >= 0.6 else WRONG))


def wish(*arguments: str) -> RlAsked:
    """Return what the command asks for."""
    return asked_of(dict(rl.make_context("rl", [*arguments]).params))


def run(tasks: str, start: str, folder: str, *options: str) -> list[float]:
    """Train, and return what each step was paid."""
    asked = wish("--data", tasks, "--from", start, "--to", folder, *SMALL, *options)
    with ranks() as among:
        return [told.reward for told in train_rl(folder, asked, among, Parts(rewarder=Evenness))]


if __name__ == "__main__":
    run(*sys.argv[1:])
