"""The ledger's own time, out of clocks that jump.

Leases run in it, so it never goes back, and it must not stand still for ever because a clock was ahead once. A clock a
little behind the latest stamp is another machine's, and time stands until it has caught up; one far behind was set
back, and from then on counts from where the ledger stands. A clock that jumps ahead frees leases early, which loses
nothing: what their holders send in still counts.
"""

from __future__ import annotations

from msgspec import Struct

SKEW_MS = 300_000
"""How far the clocks of two machines may differ."""


class Clock(Struct, frozen=True):
    """The ledger's time at its last event, and what it adds to what clocks say."""

    at_ms: int = 0
    ahead_ms: int = 0


def told(clock: Clock, now_ms: int) -> Clock:
    """Return the clock after somebody's clock said a time."""
    here_ms = now_ms + clock.ahead_ms
    if here_ms >= clock.at_ms:
        return Clock(here_ms, clock.ahead_ms)
    if clock.at_ms - here_ms <= SKEW_MS:
        return clock
    return Clock(clock.at_ms, clock.at_ms - now_ms)
