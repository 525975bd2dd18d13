"""`ostraka desk rehearse`: what a queue would take and give, with simulated people on a copy of it."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import say, table


@click.command(short_help="Have simulated people work off a copy of the queue.")
@at_option
@click.option(
    "--people", "count", type=click.IntRange(1, 1000), help="So many people, every fifth a judge too. [the desk's own]"
)
@click.option("--right", default=0.85, show_default=True, type=click.FloatRange(0, 1), help="How often they are right.")
@click.option("--judges-right", type=click.FloatRange(0, 1), help="How often reviewers and adjudicators are. [--right]")
@click.option(
    "--confusion", type=click.Path(exists=True, dir_okay=False), help="JSON: a label, and how often what is said."
)
@click.option(
    "--off-frames", default=3, show_default=True, type=click.IntRange(0), help="Ends of spans are off by up to."
)
@click.option(
    "--models-wrong", default=0.2, show_default=True, type=click.FloatRange(0, 1), help="How often their answers are."
)
@click.option("--look-s", type=click.FloatRange(0, min_open=True), help="Seconds a look takes. [the desk's own, or 60]")
@click.option("--cost", type=click.FloatRange(0), help="Of an hour. [the mean of the desk's people]")
@click.option("--hours", default=0.0, type=click.FloatRange(0), help="End after so many human hours. [as it takes]")
@click.option("--seed", default="0", show_default=True, help="Of all draws.")
def rehearse(folder: str, **given: object) -> None:
    """Say how many hours the queue takes, how far people would agree, and how many labels would be wrong in the end.

    Everything happens in memory, on a copy of the ledger: the desk is only read. What comes out follows from what is
    supposed here and from the desk's rules, so compare rules by it, and take its hours for no more than that.
    """
    from pipelines.desk.folder import Folder
    from pipelines.desk.rehearsing import rehearse_desk, rows_of, stuck

    told = rehearse_desk(Folder(folder), given)
    looks = ("annotated", "reviewed", "adjudicated")
    heads = ("layer", *looks, "accepted", "left", "agreement", "wrong items", "models' wrong")
    table("", heads, rows_of(told.layers), numbers=range(1, len(heads)))
    for layer, found in told.layers.items():
        for one, whose in ((found.said, "by people's word"), (found.precision, "with their errors on gold items")):
            if one and one.audited and (one is found.said or one != found.said):
                say(f"{layer}: by {one.audited} audits models are right in {one.low:.1%} to {one.high:.1%}, {whose}")
        if not given["hours"] and (waiting := stuck(found)):
            say(f"{layer}: in the end {waiting}")
        if found.refused:
            say(f"{layer}: refused {', '.join(f'{count} {reason}' for reason, count in found.refused.items())}")
    say(f"{told.hours:.1f} human hours of {told.people} people, {told.cost:,.2f} in cost; the desk is as it was")
