"""The parts of a model that can be held still: tower, merger, decoder."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from schemas.errors import BadInput

PARTS = ("tower", "merger", "decoder")
_MERGER = ("model.visual.merger.", "model.visual.downsample.")


def part_of(name: str) -> str:
    """Return which part a parameter belongs to; the tower's 2 x 2 merge counts as the merger's."""
    if name.startswith(_MERGER):
        return "merger"
    return "tower" if name.startswith("model.visual.") else "decoder"


def freeze(model: Any, frozen: Collection[str]) -> None:
    """Hold parts still and let the others learn; raises BadInput for a part that is none, or where nothing is left."""
    unknown = sorted(set(frozen) - set(PARTS))
    if unknown:
        raise BadInput(f"no part is called {unknown[0]!r}", where="--freeze", remedy=f"say some of {', '.join(PARTS)}")
    if set(frozen) == set(PARTS):
        raise BadInput("every part is frozen", where="--freeze", remedy="leave one to learn")
    for name, weight in model.named_parameters():
        weight.requires_grad_(part_of(name) not in frozen)
