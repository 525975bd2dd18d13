"""Rollouts written: a shard for each step, in the form of an export, so that ostraka takes them in and shows them.

A sample is a task with its answers, its pictures beside it. A step that is done again after a kill is the same file
again, put in the place of the first, so nothing is there twice. It costs a step's pictures on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import IO, Any

from schemas.form import write_exported
from schemas.publish import publish
from schemas.rollout import ROLLOUTS, Rolled, RolledOut, rolled_sample
from schemas.sample import Sample
from schemas.tar import Writer
from trainer.rl.advantage import advantages
from trainer.rl.rollout import Group, Rollout

ReadTask = Callable[[str], tuple[Sample, Sequence[bytes]]]
"""Gives the sample of a task by its key, and the bytes of its pictures and clips in their order."""


def shard_name(step: int) -> str:
    """Return the name of a step's shard."""
    return f"step-{step:06d}.tar"


def write_rollouts(
    fs: Any, folder: str, run: str, step: int, groups: Sequence[Group], read: ReadTask, selected: Collection[str]
) -> None:
    """Publish the rollouts of a step below a run's folder, `selected` the keys of the tasks that it learns from.

    Raises Unavailable where they cannot be written.
    """

    def write(file: IO[bytes]) -> None:
        tar = Writer(file)
        for group in groups:
            sample, contents = read(group.task.key)
            learnt = group.teaches and group.task.key in selected
            write_exported(tar, rolled_sample(sample, rolled_out(group, run, step, learnt=learnt)), contents)
        tar.close()

    if groups:
        publish(fs, f"{folder}/{ROLLOUTS}/{shard_name(step)}", write)


def rolled_out(group: Group, run: str, step: int, *, learnt: bool) -> RolledOut:
    """Return a group as its sample's meta holds it."""
    rolled = tuple(map(_rolled, group.rollouts, advantages(group.rewards)))
    responses = tuple(one.text for one in group.rollouts)
    versions = tuple(one.version for one in rolled)
    return RolledOut(group.task.task, responses, versions, run, step, rolled, learnt)


def _rolled(one: Rollout, advantage: float) -> Rolled:
    answer, paid = one.answer, one.rewarded
    return Rolled(
        answer.finish,
        len(answer.tokens),
        answer.version,
        answer.seed,
        paid.total,
        paid.grade,
        paid.by_function,
        len(answer.injected),
        advantage,
    )
