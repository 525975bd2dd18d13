"""Options that several verbs take."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from pipelines import log

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


def log_option(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb `--log`, and begin the log that it asks for before the verb begins."""

    @click.option(
        "--log", "log_level", type=click.Choice(["info", "debug"]), help="Write a log to standard error, as JSON."
    )
    @wraps(verb)
    def logged(*args: Any, log_level: str | None, **kwargs: Any) -> None:
        if log_level:
            log.to_standard_error(log_level)
        verb(*args, **kwargs)

    return logged


def open_shelf(url: str) -> Any:
    """Return the shelf at a URL."""
    from pipelines.shelf import Shelf

    return Shelf(url)


def own_modules() -> None:
    """Let recipes of the user's own be imported from the folder the command runs in."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
