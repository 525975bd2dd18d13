"""`ostraka compact`: few files where a shelf has many."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.options import engine_option, log_option, open_shelf, shelf_option
from pipelines.commands.screen import shown, table


@click.command(short_help="Make few files of many pieces of notes; no answer changes.")
@shelf_option
@engine_option
@log_option
def compact(shelf_url: str, engine: Any) -> None:
    """Make one piece of each annotator's pieces of a shard, and one key map of several.

    No answer changes; the same command again goes on where this one stopped.
    """
    from pipelines.compact import compact as make_few
    from pipelines.engines.asked import engine_of

    done = make_few(open_shelf(shelf_url), engine_of(engine), shown)
    rows = [(folder, before, done.after[folder]) for folder, before in done.before.items()]
    whole = ("in all", sum(done.before.values()), sum(done.after.values()))
    table("files", ("folder", "before", "after"), [*rows, whole], numbers=[1, 2])
