"""The line that a run shows of itself while it trains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from trainer.loop.record import Told
from trainer.screen import say

CONVENTION = "MFU: of what one product of matrices reaches here, attention counted over the causal half"
LINES = 20
"""How many lines a whole run prints where nobody is watching."""


def line_of(told: Told, steps: int, left_s: float) -> str:
    """Return a step as a line."""
    return (
        f"step {told.step + 1:,}/{steps:,}  loss {told.loss:.4f}  rate {told.rate:.2e}  "
        f"{told.tokens_per_s:,.0f} tokens/s  padding {told.padding:.1%}  MFU {told.mfu:.1%}  left {clock(left_s)}"
    )


def clock(seconds: float) -> str:
    """Return a time as 1:02:03, or 2:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def shown_steps(told: Iterable[Told], steps: int) -> Iterator[Told]:
    """Pass steps on, and show a line of them."""
    return lines(told, steps, line_of, lambda one: one.step_s, first=CONVENTION)


class Numbered(Protocol):
    """A step of a run, of whatever kind."""

    @property
    def step(self) -> int:
        """Its number from 0."""
        ...


N = TypeVar("N", bound=Numbered)


def lines(
    told: Iterable[N],
    steps: int,
    line: Callable[[N, int, float], str],
    took_s: Callable[[N], float],
    first: str = "",
) -> Iterator[N]:
    """Pass steps on, with one line that moves where a person is watching, else with a line now and then."""
    watched, typical_s = sys.stderr.isatty(), 0.0
    for count, one in enumerate(told):
        if first and not count:
            say(first)
        typical_s = took_s(one) if not count else 0.9 * typical_s + 0.1 * took_s(one)
        shown = line(one, steps, typical_s * (steps - 1 - one.step))
        if watched:
            print(f"\r\x1b[K{shown}", end="", file=sys.stderr, flush=True)
        elif one.step % -(-steps // LINES) == 0 or one.step == steps - 1:
            say(shown)
        yield one
    if watched:
        print(file=sys.stderr)
