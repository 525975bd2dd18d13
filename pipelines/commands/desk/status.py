"""`ostraka desk status`: how a desk stands, on one screen."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import say, table


@click.command(short_help="Show how the desk stands.")
@at_option
def status(folder: str) -> None:
    """Count items by layer and state, and say who holds how much, who is paused, and what was refused."""
    from pipelines.desk.folder import Folder
    from pipelines.desk.looking import STATES, counts_of

    with Folder(folder).ledger() as ledger:
        state = ledger.state
        rows = counts_of(state)
        table("", ("layer", *(one.replace("_", " ") for one in STATES)), rows, numbers=range(1, len(STATES) + 1))
        paused = [f"{one.name} ({one.paused})" for one in state.people.values() if one.paused]
        say(f"{len(state.people)} people, {len(ledger.held())} leases, {len(ledger.standing())} notes stand")
        if paused:
            say(f"paused: {', '.join(paused)}")
        if state.refused:
            refused = ", ".join(f"{count} {reason}" for reason, count in sorted(state.refused.items()))
            say(f"refused: {refused}")
