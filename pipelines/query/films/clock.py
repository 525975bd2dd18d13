"""A time as people read it."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return a time as minutes, or hours, and seconds to a thousandth."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    shown = f"{minutes % 60:02d}:{rest / 1000:06.3f}" if minutes >= 60 else f"{minutes}:{rest / 1000:06.3f}"
    return f"{minutes // 60}:{shown}" if minutes >= 60 else shown
