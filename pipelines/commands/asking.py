"""Options that say which model is asked, and how; each is a field of `Endpoint`, and has its default."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from annotators.endpoint import Endpoint

_DEFAULT = Endpoint(max_tokens=4000)
_OPTIONS = (
    click.option("--endpoint", "url", default=_DEFAULT.url, show_default=True, help="Where the model answers."),
    click.option("--model", default="", help="The model's name, of an endpoint that OpenAI's clients can ask."),
    click.option(
        "--max-tokens", default=_DEFAULT.max_tokens, show_default=True, type=click.IntRange(1), help="Longest answer."
    ),
    click.option(
        "--temperature",
        default=_DEFAULT.temperature,
        show_default=True,
        type=click.FloatRange(0),
        help="Of its answers.",
    ),
    click.option("--at-once", default=_DEFAULT.at_once, show_default=True, type=click.IntRange(1), help="Requests."),
)


def ask_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of asking, as one argument `asks`."""

    @wraps(verb)
    def asking(
        *args: Any, url: str, model: str, max_tokens: int, temperature: float, at_once: int, **kwargs: Any
    ) -> None:
        verb(*args, asks=Endpoint(url, model, max_tokens, temperature, at_once), **kwargs)

    for option in reversed(_OPTIONS):
        asking = option(asking)
    return asking
