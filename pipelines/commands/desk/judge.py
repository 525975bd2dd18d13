"""`ostraka desk review` and `adjudicate`: what waits for a judgement, and handing it to somebody now."""

from __future__ import annotations

from typing import Literal

import click

from pipelines.commands.desk.options import at_option, token
from pipelines.commands.screen import say, table


@click.command(short_help="Show what waits for a review, or hand it to a reviewer.")
@at_option
@click.option("--by", "person", default="", metavar="NAME", help="Hand reviews to this reviewer.")
@click.option("--most", default=10, show_default=True, type=click.IntRange(1), help="So many at the most.")
def review(folder: str, person: str, most: int) -> None:
    """List what is in review and why; with --by, hand it to a reviewer, who judges it in the editor."""
    _judge(folder, person, most, "reviewer", "in_review")


@click.command(short_help="Show what waits for an adjudicator, or hand it to one.")
@at_option
@click.option("--by", "person", default="", metavar="NAME", help="Hand them to this adjudicator.")
@click.option("--most", default=10, show_default=True, type=click.IntRange(1), help="So many at the most.")
def adjudicate(folder: str, person: str, most: int) -> None:
    """List what people do not agree on; with --by, hand it to an adjudicator, who sees the versions side by side."""
    _judge(folder, person, most, "adjudicator", "adjudicate")


def _judge(folder: str, person: str, most: int, role: Literal["reviewer", "adjudicator"], state: str) -> None:
    from pipelines.desk.folder import Folder, now_ms
    from pipelines.desk.looking import rows_of
    from pipelines.desk.syncing import open_sync

    at = Folder(folder)
    with at.ledger() as ledger:
        if person:
            with at.syncing(), open_sync(at, ledger, token, False) as sync:
                taken = ledger.take(person, role, now_ms(), most=most)
                passed = sync.whole(0)
            say(f"{person} holds {len(ledger.held(person, role))}, {len(taken)} of them new; {passed.sent} sent")
            return
        rows = rows_of(ledger.state, state, "")
    headings = ("item", "layer", "sample", "state", "why", "priority", "agreement", "held by")
    table("", headings, rows, numbers=[5, 6])
