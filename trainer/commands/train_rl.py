"""`ostraka train rl`: a model answers tasks, its answers are paid, and it learns from what was paid."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from trainer.screen import say

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from trainer.curriculum.settings import Settings
    from trainer.loop.parallel import Ranks
    from trainer.rewards.settings import Rewards
    from trainer.rewards.system import RewardSystem
    from trainer.rl.asked import RlAsked
    from trainer.rl.loop import Parts
    from trainer.rl.tasks import Tasks


@click.command("rl", short_help="Learn from what answers are paid (GRPO).")
@click.option("--data", multiple=True, required=True, metavar="DIR", help="An export of tasks; several times.")
@click.option("--to", "folder", required=True, metavar="DIR", help="The run's folder; the same command goes on in it.")
@click.option("--from", "start", default="", metavar="DIR", help="A run or a saved model that answers now and then.")
@click.option("--preset", default="tiny", show_default=True, help="The model: tiny, tiny-moe, 9b, or a cut of one.")
@click.option(
    "--val",
    "held_out",
    multiple=True,
    metavar="DIR",
    help="An export whose split val is held out, all of it where it has none; several times.",
)
@click.option("--steps", default=0, metavar="N", type=click.IntRange(0), help="Steps, by default the preset's.")
@click.option("--prompts", default=0, metavar="N", type=click.IntRange(0), help="Tasks that a step learns from.")
@click.option("--group", default=0, metavar="N", type=click.IntRange(0), help="Answers to each task.")
@click.option("--answer-tokens", default=0, metavar="N", type=click.IntRange(0), help="Most tokens of an answer.")
@click.option("--updates", default=1, show_default=True, type=click.IntRange(1), help="Steps of the optimiser a step.")
@click.option("--clip-low", default=0.2, show_default=True, help="How far a ratio may fall below 1.")
@click.option("--clip-high", default=0.28, show_default=True, help="How far a ratio may rise above 1.")
@click.option(
    "--loss",
    "weighting",
    default="sample",
    show_default=True,
    type=click.Choice(["sample", "token"]),
    help="What weighs the same: each answer, or each token.",
)
@click.option(
    "--old",
    default="",
    metavar="engine|trainer",
    type=click.Choice(["", "engine", "trainer"]),
    help="Whose log-probabilities ratios are held against; by default the preset's.",
)
@click.option("--engine", default="local", show_default=True, metavar="local|vllm=URL|sglang=URL", help="Who answers.")
@click.option("--served", default="", metavar="NAME", help="The model's name to that server.")
@click.option("--think-tokens", default=0, metavar="N", type=click.IntRange(0), help="Thinking ends after so many.")
@click.option(
    "--curriculum",
    default="",
    metavar="PATH",
    help="A TOML file of how tasks are drawn; by default by what they teach.",
)
@click.option("--uniform", is_flag=True, help="Draw every task alike, as many as are learnt from.")
@click.option("--rewards", default="", metavar="PATH", help="A TOML file of what is paid; by default verifiers alone.")
@click.option("--no-rollouts", is_flag=True, help="Keep no answers in the run's folder.")
@click.option("--rate", default=0.0, metavar="X", type=click.FloatRange(0), help="The peak learning rate.")
@click.option("--row", "row_tokens", default=0, metavar="N", type=click.IntRange(0), help="Tokens of a micro-step.")
@click.option("--seed", default=0, show_default=True, help="Another seed is another order and other draws.")
@click.option(
    "--freeze", multiple=True, type=click.Choice(["tower", "merger", "decoder"]), help="A part that does not learn."
)
@click.option("--precision", default="", metavar="float32|bfloat16", help="What is computed in.")
@click.option("--picture-tokens", default=0, metavar="N", type=click.IntRange(0), help="Most tokens of a picture.")
@click.option("--clip-tokens", default=0, metavar="N", type=click.IntRange(0), help="Most tokens of a clip.")
@click.option("--checkpoint-every", default=0, metavar="N", type=click.IntRange(0), help="Steps between checkpoints.")
def rl(folder: str, **said: Any) -> None:
    """Learn from tasks whose answers a verifier pays: groups of answers, GRPO, no examples.

    TASKS is an export of the recipe rl-tasks; the start is a model that gets some of them right.
    """
    from trainer.needs import need

    need("torch", "transformers", "av")
    from trainer.loop.parallel import ranks
    from trainer.loop.start import MODEL
    from trainer.rl.loop import train_rl
    from trainer.rl.progress import shown_steps

    asked = asked_of(said)
    steps = asked.stage.steps
    with ranks() as among:
        told = train_rl(folder, asked, among, parts(among))
        done = sum(1 for _ in (shown_steps(told, steps) if among.rank == 0 else told))
        if among.rank == 0:
            _say_held_out(folder)
            say(f"{folder}: {done:,} steps done now, {steps:,} in all" if done else f"{folder}: all of it was done")
            say(f"next: ostraka serve {os.path.join(folder, MODEL)}, or look at {os.path.join(folder, 'index.html')}")


def parts(among: Ranks) -> Parts:
    """Return tasks drawn by their worth under watch, and what the file of rewards pays."""
    from trainer.curriculum.curriculum import CurriculumSampling
    from trainer.rewards.opened import opened
    from trainer.rewards.start_kl import start_kl
    from trainer.rewards.watched import WatchedCurriculum
    from trainer.rl.loop import Parts

    def curriculum(tasks: Tasks, asked: RlAsked) -> WatchedCurriculum:
        sampling, limits = CurriculumSampling(tasks.known, asked.curriculum), rewards_of(asked).limits
        tell = (lambda alarm: say(str(alarm))) if among.rank == 0 else None
        kl = start_kl(asked.start, limits.kl_every, asked.stage.seed)
        return WatchedCurriculum(sampling, limits, tell, kl)

    def rewarder(tasks: Tasks, asked: RlAsked, folder: str) -> AbstractContextManager[RewardSystem]:
        asked_tasks = [one.task for one in tasks.of.values()]
        return opened(rewards_of(asked), asked_tasks, folder, asked.stage.seed)

    return Parts(curriculum, rewarder)


def rewards_of(asked: RlAsked) -> Rewards:
    """Return the rewards that a run was asked to pay."""
    import msgspec

    from trainer.rewards.settings import Rewards

    return msgspec.convert(asked.rewards, Rewards)


def _say_held_out(folder: str) -> None:
    from trainer.rl.held_out import read_held_out

    looked = read_held_out(folder)
    if looked:
        last = ", ".join(f"{domain} {right:.1%}" for domain, right in looked[-1].right_by_domain.items())
        say(f"held-out tasks right: {looked[0].right:.1%} before, {looked[-1].right:.1%} after ({last})")


def asked_of(said: dict[str, Any]) -> RlAsked:
    """Return what the options ask for; one that is not said, or 0, is the preset's."""
    import msgspec
    from msgspec import structs

    from trainer.data.given import Given
    from trainer.loop.start import Start
    from trainer.rewards.settings import read_rewards
    from trainer.rl.asked import RlAsked
    from trainer.rl.grpo import rl as stage_of
    from trainer.rl.objective import Clip

    stage, grpo = stage_of(said["preset"])
    of_grpo = {name: said[name] for name in ("prompts", "group", "answer_tokens", "think_tokens", "old") if said[name]}
    grpo = structs.replace(
        grpo,
        updates=said["updates"],
        weighting=said["weighting"],
        clip=Clip(said["clip_low"], said["clip_high"]),
        **of_grpo,
    )
    if said["engine"] != "local" and not said["old"]:
        grpo = structs.replace(grpo, old="trainer")
    of_stage = {
        "steps": said["steps"],
        "sequence_length": said["row_tokens"],
        "rate": structs.replace(stage.rate, peak=said["rate"]) if said["rate"] else None,
        "precision": said["precision"],
        "checkpoint_every": said["checkpoint_every"],
    }
    stage = structs.replace(
        stage,
        seed=said["seed"],
        frozen=said["freeze"],
        sequences=grpo.prompts * grpo.group,
        **{name: value for name, value in of_stage.items() if value},
    )
    given = Given(
        data=said["data"],
        preset=said["preset"],
        picture_tokens=said["picture_tokens"],
        clip_tokens=said["clip_tokens"],
    )
    return RlAsked(
        stage,
        grpo,
        given,
        Start(said["start"]),
        said["held_out"],
        curriculum=_settings(said, grpo.prompts),
        rewards=msgspec.to_builtins(read_rewards(said["rewards"])) if said["rewards"] else {},
        keep_rollouts=not said["no_rollouts"],
        engine=said["engine"],
        served=said["served"],
    )


def _settings(said: dict[str, Any], prompts: int) -> Settings:
    from msgspec import structs

    from trainer.curriculum.settings import Settings, read_settings

    found = read_settings(said["curriculum"]) if said["curriculum"] else Settings()
    alike = {"expand": False, "reweigh": False} if said["uniform"] else {}
    return structs.replace(found, prompts=prompts, seed=said["seed"], **alike)
