"""`ostraka desk layers`: what people can be asked."""

from __future__ import annotations

import click

from pipelines.commands.options import own_modules
from pipelines.commands.screen import table


@click.command(short_help="List the layers that people can be asked.")
@click.argument("names", nargs=-1, metavar="[LAYER]...")
def layers(names: tuple[str, ...]) -> None:
    """List what each layer shows and asks; with names, those alone, one's own as package.module:VALUE among them."""
    from annotators.desk.label_studio.find import SHEETS, find_sheet

    own_modules()
    rows = [(sheet.fingerprint, sheet.shows, ", ".join(sheet.writes)) for sheet in map(find_sheet, names or SHEETS)]
    table("", ("layer", "shows", "notes"), rows)
