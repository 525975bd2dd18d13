"""`ostraka train`: a stage of training, from exports to a checkpoint."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from trainer.commands.train_rl import rl
from trainer.screen import say, shown

if TYPE_CHECKING:
    from trainer.loop.asked import Asked

SUPERVISED = "pretrain|long_context|sft"


class _Stages(click.Group):
    """The stages: one command for those that learn from examples, which tells of a name that is none."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        return self.commands.get(cmd_name, self.commands[SUPERVISED])


@click.group(cls=_Stages, subcommand_metavar="STAGE ...", short_help="Train a model on exports, in one stage.")
def train() -> None:
    """Train a stage: pretrain, long_context, sft or rl; each has a help of its own.

    On several processes: torchrun --nproc-per-node 8 $(which ostraka) train ...
    """


@train.command(SUPERVISED, short_help="Learn from examples.")
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="DIR[=WEIGHT]",
    help="An export; may be given several times. WEIGHT: its part of the samples, by default as many as it has.",
)
@click.option("--to", "folder", required=True, metavar="DIR", help="The run's folder; the same command goes on in it.")
@click.option(
    "--preset", default="tiny", show_default=True, help="The model: tiny, tiny-moe, 9b, 106b, or a cut of one."
)
@click.option("--from", "start", default="", metavar="DIR", help="A run or a saved model to begin with.")
@click.option("--tower", default="", metavar="DIR", help="An AIMv2 checkpoint for the vision tower.")
@click.option("--decoder", default="", metavar="DIR", help="A GLM-4 or GLM-4.5 checkpoint for the decoder.")
@click.option(
    "--tokenizer", default="", metavar="PATH", help="A tokenizer.json; by default the start's, else one of the texts."
)
@click.option("--mix", multiple=True, metavar="PART=WEIGHT", help="Another weight of a part of a mix; several times.")
@click.option(
    "--val", "held_out", multiple=True, metavar="DIR", help="An export whose split val is held out; several times."
)
@click.option("--steps", default=0, metavar="N", type=click.IntRange(0), help="Steps, by default the stage's.")
@click.option(
    "--sequence", default=0, metavar="N", type=click.IntRange(0), help="Tokens of a sequence, by default the stage's."
)
@click.option(
    "--batch", default=0, metavar="N", type=click.IntRange(0), help="Sequences of a step, by default the stage's."
)
@click.option(
    "--rate", default=0.0, metavar="X", type=click.FloatRange(0), help="The peak learning rate, by default the stage's."
)
@click.option("--seed", default=0, show_default=True, help="Another seed is another order and other weights.")
@click.option(
    "--freeze", multiple=True, type=click.Choice(["tower", "merger", "decoder"]), help="A part that does not learn."
)
@click.option(
    "--states", default="full", show_default=True, type=click.Choice(["full", "lean"]), help="lean: all in bfloat16."
)
@click.option(
    "--precision", default="", metavar="float32|bfloat16", help="What is computed in, by default the stage's."
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the layers; the first steps then take minutes.")
@click.option("--data-parallel", is_flag=True, help="Whole rows on each rank, in place of the stage's mesh.")
@click.option("--picture-tokens", default=0, metavar="N", type=click.IntRange(0), help="Most tokens of a picture.")
@click.option("--clip-tokens", default=0, metavar="N", type=click.IntRange(0), help="Most tokens of a clip.")
@click.option(
    "--checkpoint-every", default=0, metavar="N", type=click.IntRange(0), help="Steps, by default the stage's."
)
@click.option(
    "--workers", default=0, show_default=True, type=click.IntRange(0), help="Processes that load, for each rank."
)
@click.pass_context
def supervised(context: click.Context, /, folder: str, workers: int, **said: Any) -> None:
    """Learn from the examples of exports: what to say after what."""
    from trainer.needs import need

    need("torch", "transformers", "av")
    from trainer.loop.parallel import ranks
    from trainer.loop.progress import shown_steps
    from trainer.loop.start import MODEL
    from trainer.loop.train import train as training

    asked = _asked(str(context.info_name), said)
    steps = asked.stage.steps
    with ranks() as among:
        told = training(folder, asked, among, workers, shown if among.rank == 0 else None)
        done = sum(1 for _ in (shown_steps(told, steps) if among.rank == 0 else told))
        if among.rank == 0:
            say(f"{folder}: {done:,} steps done now, {steps:,} in all" if done else f"{folder}: all of it was done")
            say(f"next: ostraka serve {os.path.join(folder, MODEL)}, or look at {os.path.join(folder, 'index.html')}")


def _asked(stage: str, said: dict[str, Any]) -> Asked:
    """Return what the options ask for; one that is not said, or 0, is the stage's."""
    from msgspec import structs

    from schemas.kind import KINDS
    from trainer.data.given import Given
    from trainer.loop import stages
    from trainer.loop.asked import Asked
    from trainer.loop.start import Start

    found = stages.stage(stage, said["preset"])
    values = {
        "steps": said["steps"],
        "sequence_length": said["sequence"],
        "sequences": said["batch"],
        "rate": structs.replace(found.rate, peak=said["rate"]) if said["rate"] else None,
        "precision": said["precision"],
        "checkpoint_every": said["checkpoint_every"],
        "mesh": stages.Mesh() if said["data_parallel"] else None,
    }
    found = structs.replace(
        found,
        seed=said["seed"],
        frozen=said["freeze"],
        states=said["states"],
        compile=said["compiled"],
        **{name: value for name, value in values.items() if value},
    )
    given = Given(
        data=said["data"],
        preset=said["preset"],
        tokenizer=said["tokenizer"],
        picture_tokens=said["picture_tokens"],
        clip_tokens=said["clip_tokens"],
        without=tuple(kind for kind in KINDS if kind not in found.kinds),
        mix=said["mix"],
    )
    return Asked(found, given, Start(said["start"], said["tower"], said["decoder"]), said["held_out"])


train.add_command(rl)
