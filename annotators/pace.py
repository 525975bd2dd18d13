"""A pace: so many requests a second at most, and a rest for all of them when one was told to wait."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Lets whoever asks for a turn go, one after another; `per_s` turns a second at most, 0 for no limit."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1 / per_s if per_s else 0.0
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait for a turn."""
        while (wait_s := self._next_s - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        self._next_s = max(self._next_s, time.monotonic()) + self._gap_s

    def rest(self, seconds: float) -> None:
        """Give nobody a turn for so long."""
        self._next_s = max(self._next_s, time.monotonic() + seconds)
