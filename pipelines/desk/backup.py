"""Backup and restore of a whole desk: its ledger as one checked file, its settings, sheets and guidelines beside it.

Nobody's key is in it, no media and nothing of the editor: media are made again by sending again, and the editor's
projects are found again by what they say of themselves.
"""

from __future__ import annotations

import os
import shutil

from annotators.desk.backup import Head
from annotators.desk.backup import backup as write_ledger
from annotators.desk.backup import restore as read_ledger
from pipelines.desk.folder import GUIDELINES, SETTINGS, SHEETS, Folder
from schemas.errors import BadInput

LEDGER = "ledger.jsonl"


def backup(at: Folder, to: str) -> Head:
    """Write a desk into a folder; the ledger comes last, so a folder that holds one is whole."""
    if os.path.exists(os.path.join(to, LEDGER)):
        raise BadInput("it holds a backup already", where=to, remedy="name another folder")
    os.makedirs(to, exist_ok=True)
    for name in (SHEETS, GUIDELINES):
        if os.path.isdir(os.path.join(at.path, name)):
            shutil.copytree(os.path.join(at.path, name), os.path.join(to, name), dirs_exist_ok=True)
    shutil.copyfile(os.path.join(at.path, SETTINGS), os.path.join(to, SETTINGS))
    with at.ledger() as ledger:
        return write_ledger(ledger, os.path.join(to, LEDGER))


def restore(source: str, path: str) -> Head:
    """Make a desk out of a backup, where there is none yet; the settings come last, so what has some is whole."""
    if Folder.is_begun(path):
        raise BadInput("there is a desk already", where=path, remedy="name another folder with --at")
    settings = Folder(source).settings
    os.makedirs(path, exist_ok=True)
    for name in (SHEETS, GUIDELINES):
        if os.path.isdir(os.path.join(source, name)):
            shutil.copytree(os.path.join(source, name), os.path.join(path, name), dirs_exist_ok=True)
    with Folder(source).ledger_of(path) as ledger:
        head = read_ledger(os.path.join(source, LEDGER), ledger)
    Folder.begun(path, settings.name).change(
        layers=settings.layers,
        sources=settings.sources,
        people=settings.people,
        editor=settings.editor,
        media_url=settings.media_url,
    )
    return head
