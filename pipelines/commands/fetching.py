"""Options that say how links are fetched; each is a field of `Manners`, and has its default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pipelines.ingest.manners import Manners

_COUNT, _SOME, _MORE_THAN_0 = click.IntRange(0), click.IntRange(1), click.FloatRange(0, min_open=True)


def _option(name: str, field: str, kind: Any, says: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(name, field, type=kind, default=getattr(Manners(), field), show_default=True, help=says)


_OPTIONS = (
    _option("--user-agent", "user_agent", str, "Who fetches links; put in how to reach you."),
    _option("--concurrency", "concurrency", _SOME, "Links that a worker fetches at once."),
    _option("--per-host", "per_host", _SOME, "Of those, at most so many of one host."),
    _option("--timeout", "timeout_s", _MORE_THAN_0, "Seconds that one try may take in all."),
    _option("--retries", "retries", _COUNT, "Further tries, where another may do."),
    _option("--most-mib", "most_mib", _MORE_THAN_0, "Most MiB of one picture."),
    _option("--redirects", "redirects", _COUNT, "Most redirects of one link."),
    _option("--silent-hosts", "silent_hosts", _COUNT, "Hosts in a row without an answer that stop the run; 0: never."),
    click.option(
        "--ignore-robots",
        "robots",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Pass over robots.txt and X-Robots-Tag.",
    ),
    click.option("--allow-private", is_flag=True, help="Fetch from private and loopback addresses too."),
)


def fetch_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of fetching, by the names of the fields of Manners."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb
