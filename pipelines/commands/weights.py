"""`ostraka weights`: make a small model of a shelf's own pictures."""

from __future__ import annotations

from itertools import islice

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import counted, say


@click.command(short_help="Make a small picture and text model of a shelf, for caption-small.")
@shelf_option
@click.option("--to", required=True, metavar="FOLDER", help="Where configuration and weights are written.")
@click.option("--steps", default=300, show_default=True, type=click.IntRange(1), help="Batches to train on.")
@click.option("--most", default=4096, show_default=True, type=click.IntRange(2), help="Pictures to train on.")
def weights(shelf_url: str, to: str, steps: int, most: int) -> None:
    """Train a small model on the pictures and texts of a shelf, to try what needs weights without any to hand.

    It is no CLIP: it knows what it was shown. Some minutes on two cores.
    """
    from annotators.small_clip import train_small_clip
    from pipelines.shelf.captioned import captioned
    from schemas.errors import BadInput

    pairs = list(islice(captioned(open_shelf(shelf_url)), most))
    if len(pairs) < 2:
        raise BadInput(f"{counted(len(pairs), 'picture')} with a text", where=shelf_url, remedy="two are needed")

    def told(step: int, loss: float) -> None:
        if step == steps or step % 50 == 0:
            say(f"step {step}: loss {loss:.4f}")

    train_small_clip(pairs, to, steps, told)
    say(f"{to}: a model of {counted(len(pairs), 'picture')}")
    say(f"next: ostraka run caption-small --weights clip={to} --shelf {shelf_url}")
