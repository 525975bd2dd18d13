"""`ostraka desk send`: what of a shelf people are asked about."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.options import open_shelf, own_modules, recipe_option, shelf_option
from pipelines.commands.screen import counted, say
from schemas.errors import BadInput


@click.command(short_help="Put samples of a shelf into the queue.")
@click.argument("layers", nargs=-1, required=True, metavar="LAYER...")
@at_option
@shelf_option
@recipe_option
@click.option("--all", "every", is_flag=True, help="All samples; by default those that the recipe kept.")
@click.option(
    "--list", "list_path", type=click.Path(exists=True, dir_okay=False), help="Only what a file lists: see above."
)
@click.option(
    "--spans", default="", metavar="NAME", help="Each span that a model noted under this name, not the whole."
)
@click.option("--most", default=0, type=click.IntRange(0), help="So many items at the most.")
@click.option("--unsure", multiple=True, metavar="NAME", help="A note in [0, 1] that says how unsure the models are.")
@click.option("--sure", multiple=True, metavar="NAME", help="A note in [0, 1] that says how sure they are.")
@click.option(
    "--threshold", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="People see what is less sure."
)
@click.option(
    "--audit-share", default=0.05, show_default=True, type=click.FloatRange(0, 1), help="And this of the rest."
)
@click.option("--priority", default=0, type=int, help="Higher comes first.")
@click.option(
    "--as",
    "kind",
    default="work",
    type=click.Choice(["work", "gold", "exam"]),
    help="Of which kind the items are. [work]",
)
def send(
    layers: tuple[str, ...],
    folder: str,
    shelf_url: str,
    asked: str,
    every: bool,
    list_path: str | None,
    spans: str,
    most: int,
    unsure: tuple[str, ...],
    sure: tuple[str, ...],
    threshold: float,
    audit_share: float,
    priority: int,
    kind: Literal["work", "gold", "exam"],
) -> None:
    """Ask about samples of a shelf under LAYERs, whole or on spans; what is in the queue already is passed over.

    With --unsure or --sure only what the models are unsure of goes to people, and an audit of the rest. A list has a
    line each: KEY, or KEY START_S END_S, or a JSON object with `sample`, `start_s`, `end_s`, and for --as gold or exam
    `notes`, which are right.
    """
    from pipelines.desk.asked import Signals, read_lines
    from pipelines.desk.folder import Folder
    from pipelines.desk.samples import recipe_of
    from pipelines.desk.send import Wanted
    from pipelines.desk.send import send as send_items

    own_modules()
    at, shelf = Folder(folder), open_shelf(shelf_url)
    sheets = at.sheets()
    if unknown := [one for one in layers if one not in sheets]:
        remedy = f"ask it first: ostraka desk ask {unknown[0]}; asked are {', '.join(sheets) or 'none'}"
        raise BadInput(f"this desk does not ask {unknown[0]!r}", where=folder, remedy=remedy)
    if kind != "work" and not list_path:
        raise BadInput(f"--as {kind} wants what is right", remedy="give --list with JSON lines that hold notes")
    from annotators.desk.routing import Route

    wanted = Wanted(
        tuple(sheets[one] for one in layers),
        spans,
        tuple(read_lines(list_path)) if list_path else (),
        every,
        Signals(unsure, sure),
        Route(threshold, audit_share),
        kind,
        priority,
        most,
    )
    with at.ledger() as ledger:
        sent = send_items(ledger, shelf, recipe_of(shelf, asked), wanted, at.media)
    came = ", ".join(f"{count} {why}" for why, count in sorted(sent.came.items())) or "nothing new"
    say(f"{came}; {sent.known} in the queue before")
    for (reason, detail), count in Counter((reason, detail) for _, reason, detail in sent.failed).items():
        say(f"  {counted(count, 'sample')} failed: {reason}{': ' if detail else ''}{detail}")
    if sent.missing:
        say(f"  not on this shelf: {', '.join(sent.missing[:5])}{', ...' if len(sent.missing) > 5 else ''}")
    say(f"next: ostraka desk sync --at {folder}")
