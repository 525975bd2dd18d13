"""`ostraka desk sync`: what people did comes in, what they are to do goes out."""

from __future__ import annotations

import time
from typing import Any

import click

from pipelines.commands.desk.options import at_option, token
from pipelines.commands.screen import say

SHOWN = 8


@click.command(short_help="Take in what people did, and hand out what comes next.")
@at_option
@click.option("--each", default=10, show_default=True, type=click.IntRange(0), help="So many items a person and role.")
@click.option("--follow", is_flag=True, help="Go on until stopped: webhooks, and a look every --every seconds.")
@click.option("--every", "every_s", default=20.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--any-version", is_flag=True, help="Accept another version of Label Studio than the proven one.")
def sync(folder: str, each: int, follow: bool, every_s: float, any_version: bool) -> None:
    """Take in everything that people did since, and leave everybody with up to --each items; twice does no more than
    once, and what was broken off goes on.

    A server elsewhere is known by its URL (`desk ask --editor`) and OSTRAKA_DESK_TOKEN.
    """
    from pipelines.desk.folder import Folder
    from pipelines.desk.syncing import following, open_sync

    with Folder(folder).syncing():
        while True:
            at = Folder(folder)
            with at.ledger() as ledger, open_sync(at, ledger, token, any_version) as sync:
                _tell(sync.whole(each))
                for passed in following(at, ledger, sync, each, every_s) if follow else ():
                    _tell(passed, time.strftime("%H:%M:%S "))
            if not follow:
                break
    say(f"next: ostraka desk status --at {folder}")


def _tell(passed: Any, when: str = "") -> None:
    if passed.broken:
        say(f"{when}{passed.broken}")
        return
    taken = passed.taken
    known = ("duplicate", "stale")
    came = ", ".join(f"{count} {kind}" for kind, count in sorted(taken.outcomes.items()) if kind not in known)
    if when and not (came or passed.sent or passed.taken_back):
        return
    say(f"{when}in: {came or 'nothing new'}; out: {passed.sent} sent, {passed.taken_back} taken back")
    if taken.phantoms:
        say(f"  {taken.phantoms} phantom regions dropped: the editor wrote a rectangle a second time, as a span")
    for one in taken.troubles[:SHOWN]:
        say(f"  {one.person}, item {one.item}, task {one.task}: {one.reason}{': ' if one.detail else ''}{one.detail}")
    if len(taken.troubles) > SHOWN:
        say(f"  and {len(taken.troubles) - SHOWN} more; all are on record")
