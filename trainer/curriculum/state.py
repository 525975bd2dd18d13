"""All that a curriculum's later choices hang on, as a value that goes into the checkpoint."""

from __future__ import annotations

from msgspec import Struct


class State(Struct):
    """`average` is of expansion ratios; `rates` of tasks that were seen, by key; `worth` of cells, by sub-category."""

    average: float = 1.0
    rates: dict[str, float] = {}
    worth: dict[str, list[float]] = {}
    frozen: dict[str, str] = {}
    """Domains that are asked no more, and why."""
