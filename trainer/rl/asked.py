"""What a run of reinforcement learning was asked to be, kept in its folder as every run's is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, structs

from schemas.errors import BadInput
from trainer.curriculum.settings import Settings
from trainer.data.given import Given
from trainer.loop.parallel import check_mesh
from trainer.loop.stages import Stage
from trainer.loop.start import Start, model_folder
from trainer.model.presets import preset
from trainer.rl.answering import LOCAL
from trainer.rl.grpo import Grpo


class RlAsked(Struct, frozen=True):
    """The stage and how it learns, how tasks are drawn, what is paid (as the file of rewards says it), the tasks, the
    weights to begin with, and tasks that are held out: `held_out_tasks` of them are asked at every checkpoint.

    `keep_rollouts` writes every answer into the run's folder. `engine` answers; `served` is the model's name there.
    """

    stage: Stage
    grpo: Grpo
    given: Given
    start: Start = Start()
    held_out: tuple[str, ...] = ()
    held_out_tasks: int = 300
    curriculum: Settings = Settings()
    rewards: dict[str, Any] = {}
    keep_rollouts: bool = True
    engine: str = LOCAL
    served: str = ""


def check(asked: RlAsked) -> None:
    """Raise BadInput where no run could be what is asked, before a folder is made for it."""
    preset(asked.given.preset)
    check_mesh(asked.stage.mesh)
    if not asked.start.folder:
        raise BadInput(
            "reinforcement learning begins with a model that answers now and then", where="--from", remedy="give one"
        )
    model_folder(asked.start.folder)
    for holds, said in ((asked.stage.compile, "--compile"), (asked.stage.states == "lean", "--states lean")):
        if holds:
            raise BadInput(f"{said} is not built for rl yet", where="train rl", remedy="leave it out")


def values(asked: RlAsked) -> Iterator[tuple[str, Any]]:
    """Yield what a run that goes on must not have changed; where data lies may change, its digest must not."""
    yield from structs.asdict(asked.stage).items()
    yield from structs.asdict(asked.grpo).items()
    yield from structs.asdict(asked.start).items()
    yield from structs.asdict(asked.curriculum).items()
    yield "rewards", asked.rewards
    yield "engine", asked.engine.partition("=")[0]
    for what in ("preset", "picture_tokens", "clip_tokens", "mix"):
        yield what, getattr(asked.given, what)
