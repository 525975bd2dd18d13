"""What a verb of the trainer shows: tables and lines on standard output, progress where a person is watching."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]], texts: Sequence[int] = (0,)) -> None:
    """Print a table; the columns of `texts` are aligned to the left, numbers to the right."""
    from rich import box
    from rich.table import Table

    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        shown.add_column(heading, justify="left" if place in texts else "right", overflow="fold")
    for row in rows:
        shown.add_row(*(plain(str(cell)) for cell in row))
    say(shown)


def say(*what: Any) -> None:
    """Print text or a table, as it is: neither markup nor a terminal's control codes mean anything in data."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=True).print(
        *(plain(one) if isinstance(one, str) else one for one in what)
    )


def plain(text: str) -> str:
    """Return a text with a mark in place of every control character but line breaks and tabs."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(what: str, names: Sequence[str], answers: Iterable[Any]) -> Iterator[Any]:
    """Pass answers on, with a progress bar where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from answers
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(answers, what, total=len(names), console=Console(stderr=True), transient=True)


def counted(count: int, what: str) -> str:
    """Return a count with its noun: 1 step, 2,000 steps."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
