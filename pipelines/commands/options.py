"""Options that several verbs take."""

from __future__ import annotations

from typing import Any

import click

shelf_option = click.option(
    "--shelf", "shelf_url", required=True, metavar="URL", help="The shelf: a folder, or any URL that fsspec reads."
)
recipe_option = click.option(
    "--recipe",
    "asked",
    default="",
    metavar="NAME",
    help="A recipe that was run here; by default the one that ran last.",
)
workers_option = click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes of the local engine."
)
max_failed_option = click.option(
    "--max-failed",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Stop where more than this share of a shard fails (and more than 10).",
)


def open_shelf(url: str) -> Any:
    """Return the shelf at a URL."""
    from pipelines.shelf import Shelf

    return Shelf(url)
