"""`ostraka pilot`: what short runs of single domains say, and the proportions to blend them in."""

from __future__ import annotations

import os

import click

from trainer.screen import say, table

LOG = "log.jsonl"


@click.command(short_help="Propose proportions of domains from short runs.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--least",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="The least share of all tokens that each domain keeps.",
)
def pilot(runs: tuple[str, ...], least: float) -> None:
    """Read the logs of runs of `ostraka train rl`, one for a domain or one for several, and propose proportions."""
    from schemas.errors import BadInput
    from trainer.curriculum.pilot import lines_of, pilots

    logs = []
    for run in runs:
        path = os.path.join(run, LOG)
        try:
            with open(path, "rb") as file:
                logs.append(lines_of(file.read(), path))
        except OSError as error:
            raise BadInput(f"{error.strerror}", where=path, remedy="give the folder of a run") from None
    found = pilots(logs, least)
    rows = [
        (
            one.domain,
            one.steps,
            f"{one.start:.1%}",
            f"{one.end:.1%}",
            f"{one.slope:.2f} ± {one.slope_error:.2f}",
            f"{one.answer_tokens:.0f}",
            f"{one.drawn_tokens:,}",
            f"{one.proportion:.1%}",
        )
        for one in found
    ]
    table(
        f"{len(found)} domains",
        ("domain", "steps", "right at first", "at the end", "slope a million tokens", "tokens", "drawn", "prompts"),
        rows,
    )
    say("for a curriculum's file:\n")
    say("[proportions]")
    for one in found:
        say(f"{one.domain} = {one.proportion:.4f}")
