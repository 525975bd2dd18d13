"""`ostraka desk queue` and `change`: the queue, one item's history, and what a lead changes of it."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import counted, say, table
from schemas.errors import BadInput

MOST = 30


@click.command(short_help="Show the queue, or all that happened to one item.")
@click.argument("item", required=False, default="", metavar="[ITEM]")
@at_option
@click.option("--state", default="", help="Only items in this state: draft, annotated, in_review, adjudicate, ...")
@click.option("--layer", default="", help="Only items of this layer.")
@click.option("--most", default=MOST, show_default=True, type=click.IntRange(1))
def queue(item: str, folder: str, state: str, layer: str, most: int) -> None:
    """List items with who holds them, those of a higher priority first; of an ITEM, every event."""
    from pipelines.desk.folder import Folder
    from pipelines.desk.looking import find_item, rows_of

    with Folder(folder).ledger() as ledger:
        if item:
            _history(ledger, find_item(ledger.state, item))
            return
        rows = rows_of(ledger.state, state, layer)
    headings = ("item", "layer", "sample", "state", "why", "priority", "agreement", "held by")
    table("", headings, rows[:most], numbers=[5, 6])
    if len(rows) > most:
        say(f"{most} of {counted(len(rows), 'item')}; --most shows more")


def _history(ledger: Any, item: str) -> None:
    for one in ledger.history(item):
        said = msgspec.to_builtins(one.event)
        about = {name: value for name, value in said.items() if name not in ("event", "item", "notes", "digest")}
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.at_ms / 1000))
        told = "  ".join(f"{name}={_short(value)}" for name, value in about.items())
        say(f"{one.seq:6}  {when}  {said['event']:20} {told}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."


@click.command(short_help="Change items: priority, holder, open again, out of the queue.")
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@at_option
@click.option("--priority", type=int, help="Higher comes first.")
@click.option("--release", is_flag=True, help="Free them from whoever holds them.")
@click.option("--from", "holder", default="", metavar="NAME", help="With --release or --to: this holder alone.")
@click.option("--to", default="", metavar="NAME", help="Give what an annotator holds to another.")
@click.option("--reopen", metavar="WHY", help="Ask anew about what is accepted, exported or quarantined.")
@click.option("--quarantine", metavar="WHY", help="Take them out of the queue.")
@click.option("--by", default="lead", show_default=True, help="Who says so, for the record.")
def change(
    items: tuple[str, ...],
    folder: str,
    priority: int | None,
    release: bool,
    holder: str,
    to: str,
    reopen: str | None,
    quarantine: str | None,
    by: str,
) -> None:
    """Change ITEMs, named by their ids or the beginnings of them; all of them or none."""
    from pipelines.desk.folder import Folder, now_ms
    from pipelines.desk.looking import Changes, change_items

    asked = Changes(priority, release, holder, to, reopen, quarantine, by)
    if asked.nothing:
        raise BadInput("nothing is to be changed", remedy="say --priority, --release, --to, --reopen or --quarantine")
    with Folder(folder).ledger() as ledger:
        for said in change_items(ledger, items, asked, now_ms()):
            say(said)
    say(f"next: ostraka desk sync --at {folder}")
