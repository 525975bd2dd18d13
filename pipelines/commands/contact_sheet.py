"""`ostraka contact-sheet`: a contact sheet of each video, with what was noted on its spans."""

from __future__ import annotations

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import counted, say


@click.command("contact-sheet", short_help="Draw contact sheets of videos, with shots and camera motion.")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@shelf_option
@click.option("--to", "folder", default="sheets", show_default=True, help="The folder to write them to.")
@click.option("--most", default=24, show_default=True, type=click.IntRange(1), help="Videos, where no KEY is given.")
@click.option("--frames", default=36, show_default=True, type=click.IntRange(1, 400), help="Most frames of a sheet.")
@click.option("--font", default="", metavar="FILE", help="A font for what is not written in plain Latin letters.")
def contact_sheet(keys: tuple[str, ...], shelf_url: str, folder: str, most: int, frames: int, font: str) -> None:
    """Write a PNG per video: frames with their times, where shots begin, what the camera does, and text where it is.

    KEY may be the beginning of a key, or a row's name; without any, the first videos of the shelf are drawn.
    """
    from pipelines.query.films.contact_sheets import videos, write_sheets
    from pipelines.query.views import connect

    shelf = open_shelf(shelf_url)
    with connect(shelf, "samples") as db:
        chosen, there = videos(db, shelf, keys, most)
        if not chosen:
            say(f"no videos on {shelf_url}")
        for written in write_sheets(db, shelf, chosen, folder, frames, font):
            what = f"{written.path}, {counted(written.spans, 'span')}" if written.path else f"none: {written.reason}"
            say(f"{written.name}: {what}")
    if there > len(chosen):
        say(f"{there - len(chosen)} more are there: --most {there}, or name them")
