"""Rollouts as an export holds them: a task, what a model said to it in one step, and what each answer was paid.

They stand in the meta of the task's sample, as `Posed` with more beside it: who reads tasks with responses reads these
too. A step's pictures are its tasks' own, so that its shard is read without another.
"""

from __future__ import annotations

from msgspec import DecodeError, Struct, json

from schemas.errors import BadInput, BadSample
from schemas.grade import Grade
from schemas.sample import Sample, Source, key_of
from schemas.task import Posed

ROLLOUTS = "rollouts"
"""The folder of their shards, below a run's."""


class Rolled(Struct, frozen=True, omit_defaults=True):
    """One answer: why it ended, its tokens and those that were put in, the weights that said it and the seed of its
    draws, what it was paid in all and by each function, the verifier's grade, and how far it stands off its group."""

    finish: str
    tokens: int
    version: str
    seed: int
    reward: float
    grade: Grade
    by_function: dict[str, float] = {}
    injected: int = 0
    advantage: float = 0.0


class RolledOut(Posed, frozen=True, omit_defaults=True):
    """A task of one step of a run: the i-th of `rolled` is the i-th response. `learnt`: the step learnt from them."""

    run: str = ""
    step: int = 0
    rolled: tuple[Rolled, ...] = ()
    learnt: bool = False


def rolled_sample(task: Sample, rolled_out: RolledOut) -> Sample:
    """Return a task's sample as that of its rollouts; its parent is the task."""
    key = key_of("rollouts", f"{rolled_out.run}/{rolled_out.step}/{task.key}")
    was = task.source
    source = Source(was.dataset, was.row, was.uri, was.licence, task.key, json.encode(rolled_out).decode())
    return Sample(key, task.parts, source)


def rolled_out_of(meta: str) -> RolledOut:
    """Read the rollouts of a sample's meta; raises BadSample where it holds none."""
    try:
        found = json.decode(meta or "null", type=RolledOut)
    except (DecodeError, BadInput) as error:
        raise BadSample("no_rollouts", str(error)) from None
    if not found.rolled or len(found.rolled) != len(found.responses):
        raise BadSample("no_rollouts", f"{len(found.rolled)} rollouts of {len(found.responses)} responses")
    return found
