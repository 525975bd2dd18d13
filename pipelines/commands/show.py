"""`ostraka show`: a sample's parts, its notes and its bytes."""

from __future__ import annotations

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import counted, say


@click.command(short_help="Show a sample: its parts, its notes, its bytes.")
@click.argument("key")
@shelf_option
@click.option("--to", "folder", default="", metavar="FOLDER", help="Write its pictures and videos there.")
@click.option(
    "--drawn", default="", metavar="FILE", help="Write its first picture there with its boxes and texts on it."
)
def show(key: str, shelf_url: str, folder: str, drawn: str) -> None:
    """Print a sample as JSON, and write its original bytes where a folder is given."""
    import msgspec

    from pipelines.query.show import sample_at, write_drawn, write_media
    from pipelines.shelf.in_duckdb import connected

    shelf = open_shelf(shelf_url)
    with connected(shelf) as db:
        shown = sample_at(db, shelf, key)
    say(msgspec.json.format(msgspec.json.encode(shown.sample), indent=2).decode())
    for path in write_media(shelf, shown, folder) if folder else []:
        say(f"written: {path}")
    if drawn:
        say(f"written: {drawn}, {counted(write_drawn(shelf, shown, drawn), 'note')} on places")
