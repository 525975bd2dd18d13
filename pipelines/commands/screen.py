"""What a verb shows: tables on standard output, progress on standard error where a person is watching."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.record import log

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[int] = ()) -> None:
    """Print a table; the columns of `numbers` are aligned to the right."""
    from rich import box
    from rich.table import Table

    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if place in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else plain(str(cell)) for cell in row))
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


def shown(what: str, shards: Sequence[str], answers: Iterable[Any]) -> Iterator[Any]:
    """Pass answers on, with a progress bar where standard error is a terminal and no log is written there."""
    if not sys.stderr.isatty() or log.level() != "warning":
        yield from answers
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(answers, what, total=len(shards), console=Console(stderr=True), transient=True)


def number(value: float | None) -> str:
    """Return a measured number for people, or nothing."""
    return "" if value is None else f"{value:.6g}"


def counted(count: int, what: str) -> str:
    """Return a count with its noun: 1 shard, 2 shards."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def by_name(counts: Mapping[str, int]) -> str:
    """Return counts with their names, in the names' order."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def share(part: int, whole: int) -> str:
    """Return a percentage, or a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
