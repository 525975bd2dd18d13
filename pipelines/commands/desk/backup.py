"""`ostraka desk backup` and `restore`: a ledger as one file, from any database into any other."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import say


@click.command(short_help="Write the ledger to a file.")
@click.argument("path", metavar="FILE")
@at_option
def backup(path: str, folder: str) -> None:
    """Write all that happened to FILE, whole or not at all. It holds people's names and notes, and no key."""
    from annotators.desk.backup import backup as write
    from pipelines.desk.folder import Folder

    with Folder(folder).ledger() as ledger:
        head = write(ledger, path)
    say(f"{path}: {head.events} events")


@click.command(short_help="Fill an empty ledger from a file.")
@click.argument("path", metavar="FILE")
@at_option
def restore(path: str, folder: str) -> None:
    """Fill the desk's ledger, which must hold nothing, from a backup: checked before anything is written."""
    from annotators.desk.backup import restore as read
    from pipelines.desk.folder import Folder

    with Folder(folder).ledger() as ledger:
        head = read(path, ledger)
    say(f"{folder}: {head.events} events")
