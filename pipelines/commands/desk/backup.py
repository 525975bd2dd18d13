"""`ostraka desk backup` and `restore`: a desk as a folder of plain files, from any database into any other."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import say


@click.command(short_help="Write the desk into a folder.")
@click.argument("target", metavar="FOLDER")
@at_option
def backup(target: str, folder: str) -> None:
    """Write all that happened, with settings, sheets and guidelines. It holds people's names and notes, and no key."""
    from pipelines.desk.backup import backup as write
    from pipelines.desk.folder import Folder

    say(f"{target}: {write(Folder(folder), target).events} events")


@click.command(short_help="Make a desk out of a backup.")
@click.argument("source", metavar="FOLDER", type=click.Path(exists=True, file_okay=False))
@at_option
def restore(source: str, folder: str) -> None:
    """Make the desk of a backup, checked before anything is written, where there is none yet. Send again what was sent:
    that makes the media anew."""
    from pipelines.desk.backup import restore as read

    say(f"{folder}: {read(source, folder).events} events")
    say(f"next: ostraka desk send LAYER... --shelf URL --at {folder}")
