"""`ostraka desk collect`: what stands at a desk becomes notes on a shelf."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.options import log_option, open_shelf, shelf_option
from pipelines.commands.screen import counted, say, table

_MOST_NAMED = 5


@click.command("collect", short_help="Put on the shelf what stands at the desk.")
@at_option
@shelf_option
@click.option("--licence", default="", help="The licence of the notes, for the ledger's record.")
@click.option("--beside", is_flag=True, help="Another desk's notes may lie on the shelf already.")
@log_option
def collect(folder: str, shelf_url: str, licence: str, beside: bool) -> None:
    """Write the notes that stand at a desk to a shelf, where they come before models' notes.

    The same command again writes what changed since.
    """
    from pipelines.desk.collect import collect as bring
    from pipelines.desk.folder import Folder, now_ms

    at = Folder(folder)
    with at.ledger() as ledger:
        found = bring(ledger, open_shelf(shelf_url), now_ms(), at.older_sheets(), licence, beside=beside)
    rows = [
        (layer, of.items, of.notes, ", ".join(f"{one or 'not named'} {n}" for one, n in of.taxonomies.items()))
        for layer, of in found.layers.items()
    ]
    table(found.desk, ("layer", "items", "notes", "by taxonomy"), rows, numbers=[1, 2])
    _say_left_out(found)
    for layer in (layer for layer, of in found.layers.items() if len(of.taxonomies) > 1):
        say(f"{layer}: notes of several taxonomies stand side by side; each says which it was made under")
    if found.reopened:
        say(f"{counted(found.reopened, 'item')} being asked about anew; what stood stands until then")
    out = f", {found.went_out} for the first time (batch {found.batch})" if found.batch else ""
    say(f"{counted(found.items, 'item')} on the shelf{out}; {counted(found.pieces, 'piece')} changed")
    if found.pieces:
        say(f"next: run the recipe again; `ostraka why KEY --shelf {shelf_url}` tells who said what")


def _say_left_out(found: Any) -> None:
    for reason, items in found.left_out.items():
        more = ", ..." if len(items) > _MOST_NAMED else ""
        say(f"left out, {reason}: {counted(len(items), 'item')} ({', '.join(items[:_MOST_NAMED])}{more})")
