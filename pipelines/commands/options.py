"""Options that several verbs take."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from pipelines.record import log

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
_ENGINE_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray", "beam"]),
        default="local",
        show_default=True,
        help="What carries the shards.",
    ),
    click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Shards done at a time."),
    click.option("--address", default="", metavar="HOST:PORT", help="Ray: the cluster's head; by default a Ray here."),
    click.option("--runner", default="", help="Beam: the runner's name; by default FnApiRunner, in this process."),
    click.option(
        "--beam-option",
        "beam_options",
        multiple=True,
        metavar="OPTION=VALUE",
        help="Beam: an option of the runner, without its dashes; may be given several times.",
    ),
    click.option("--beam-temp", default="", metavar="URL", help="Beam: a folder that driver and workers reach."),
    click.option(
        "--wait-s",
        default=0.0,
        type=click.FloatRange(0),
        help="Stop after so long without a cluster or worker (Ray, by default 60) or a shard done (Beam, 600).",
    ),
)
max_failed_option = click.option(
    "--max-failed",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Stop where more than this share of a shard fails (and more than 10).",
)


def engine_option(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options that choose an engine; it takes them together as `engine`, what was asked."""

    @wraps(verb)
    def chosen(*args: Any, **kwargs: Any) -> None:
        from pipelines.engines.asked import Asked

        asked = {name: kwargs.pop(name) for name in Asked.__struct_fields__}
        asked["beam_options"] = tuple(f"--{option}" for option in asked["beam_options"])
        verb(*args, engine=Asked(**asked), **kwargs)

    for option in reversed(_ENGINE_OPTIONS):
        chosen = option(chosen)
    return chosen


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
    from pipelines.shelf.shelf import Shelf

    return Shelf(url)


def own_modules() -> None:
    """Let recipes of the user's own be imported from the folder the command runs in."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
