"""`ostraka plan`: what will be trained, before anything is."""

from __future__ import annotations

from math import ceil

import click

from trainer.screen import counted, say, shown


@click.command(short_help="Show what will be trained on exports, step by step.")
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="DIR[=WEIGHT]",
    help="An export; may be given several times. WEIGHT: its part of the samples, by default as many as it has.",
)
@click.option("--split", default="train", show_default=True, help="The split of the exports.")
@click.option("--preset", default="tiny", show_default=True, help="The model: it says which template is used.")
@click.option(
    "--tokenizer",
    default="",
    metavar="PATH",
    help="A tokenizer.json or a folder with one; without it, a small one is trained on the texts of the data.",
)
@click.option(
    "--sequence", "sequence_tokens", default=8192, show_default=True, type=click.IntRange(1), help="Tokens of one."
)
@click.option("--batch", default=1536, show_default=True, type=click.IntRange(1), help="Sequences of a step.")
@click.option(
    "--steps", default=0, metavar="N", type=click.IntRange(0), help="Steps to add up; by default a pass over all data."
)
@click.option("--seed", default=0, show_default=True, help="Another seed is another order.")
@click.option(
    "--picture-tokens",
    default=0,
    metavar="N",
    type=click.IntRange(0),
    help="Most tokens of a picture, by default the preset's.",
)
@click.option(
    "--clip-tokens",
    default=0,
    metavar="N",
    type=click.IntRange(0),
    help="Most tokens of a clip, by default the preset's.",
)
@click.option("--without", multiple=True, metavar="KIND", help="A kind of document to leave out, for instance video.")
@click.option("--mix", multiple=True, metavar="PART=WEIGHT", help="Another weight of a part of a mix; several times.")
@click.option("--ranks", default=1, show_default=True, type=click.IntRange(1), help="Processes that train together.")
@click.option(
    "--workers", default=0, show_default=True, type=click.IntRange(0), help="Processes that count; 0 is this one."
)
@click.option("--recount", is_flag=True, help="Count lengths again, though the export has changed since.")
@click.option(
    "--left-out", "left_out_to", default="", metavar="FILE", help="Write each sample that is left out, and why."
)
@click.option("--look", default=0, show_default=True, type=click.IntRange(0), help="The sequence of step 0 to look at.")
def plan(
    data: tuple[str, ...],
    split: str,
    preset: str,
    tokenizer: str,
    sequence_tokens: int,
    batch: int,
    steps: int,
    seed: int,
    picture_tokens: int,
    clip_tokens: int,
    without: tuple[str, ...],
    mix: tuple[str, ...],
    ranks: int,
    workers: int,
    recount: bool,
    left_out_to: str,
    look: int,
) -> None:
    """Count what is in exports, pack it, and show which steps come of it.

    Lengths are counted once for an export, a tokenizer and a picture rule, and kept beside the export.
    """
    from trainer.commands.plan_shown import show_data, show_kinds, show_left_out, show_plan, show_sequence
    from trainer.data.given import Given, chosen_of, codec_of, exports_of
    from trainer.data.left_out import write_left_out
    from trainer.plan.cost import Cost
    from trainer.plan.outlook import outlook
    from trainer.plan.plan import Order, Plan
    from trainer.plan.window import samples_of_window

    given = Given(data, split, preset, tokenizer, picture_tokens, clip_tokens, without, mix)
    exports, weights = exports_of(given)
    codec = codec_of(given, exports)
    chosen = chosen_of(given, codec, exports, weights, sequence_tokens, workers, recount, shown)
    if left_out_to:
        say(f"{left_out_to}: {counted(write_left_out(chosen, left_out_to), 'sample')} left out")
    show_left_out(chosen)
    pools = [one.pool for one in chosen]
    planned = Plan(pools, Order(seed, sequence_tokens, batch, samples_of_window(pools)))
    seen = outlook(planned, ranks, Cost())
    show_data(chosen, seen)
    show_kinds(seen, steps or ceil(max(seen.pass_steps)))
    show_plan(planned, seen, ranks)
    show_sequence(planned, chosen, codec, look)
    say(f"tokenizer: {codec.tokens.where}, {codec.tokens.size:,} tokens")
