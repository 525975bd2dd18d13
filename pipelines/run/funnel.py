"""The funnel's arithmetic: from where each sample's way ended to how many reached each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from pipelines.run.verdicts import INGEST

DOOR = -1

End = tuple[int, str, str]
"""Where a sample's way ended: the step (DOOR for the door), the outcome, the reason."""


class Stage(Struct, frozen=True):
    """One step: samples that reached it, that went on, and that were dropped or failed there, by reason."""

    name: str
    reached: int
    went_on: int
    dropped: dict[str, int]
    failed: dict[str, int]


def end_of(step: int, decided_by: str, outcome: str, reason: str) -> End:
    """Return where a verdict says that a sample's way ended."""
    return (DOOR if decided_by == INGEST else step, outcome, reason)


def stages(names: Sequence[str], ends: Mapping[End, int]) -> list[Stage]:
    """Return the stages of a recipe's steps, the door first; reached = went on + dropped + failed at every one."""
    living = sum(ends.values())
    found = list[Stage]()
    for place, name in enumerate((INGEST, *names), start=DOOR):
        here = sorted((outcome, reason, count) for (step, outcome, reason), count in ends.items() if step == place)
        dropped, failed = (
            {reason: count for outcome, reason, count in here if outcome == ended} for ended in ("dropped", "failed")
        )
        left = living - sum(dropped.values()) - sum(failed.values())
        found.append(Stage(name, living, left, dropped, failed))
        living = left
    return found
