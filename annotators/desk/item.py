"""An item: one layer of one place in a sample, which people are asked about."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from schemas.note import At, Note, Whole

Notes = tuple[Note, ...]

WORK, GOLD, EXAM = "work", "gold", "exam"


class Item(Struct, frozen=True):
    """What people are asked: `machine` is what models noted, shown to them; `answer` is a gold item's, never shown.

    `why` says what brought it here: `unsure` and `audit` are routing's words, `asked` is a person's wish. `facts` go
    with the item as they are (a proxy's digest, a frame map's address); the ledger does not read them.

    `doubts` are what models noted otherwise, another one or one that was asked again: a person who says the same as one
    of them is not alone against `machine`. People do not see them.
    """

    id: str
    layer: str
    sample: str
    at: At = Whole()
    kind: Literal["work", "gold", "exam"] = "work"
    why: Literal["unsure", "audit", "asked"] = "asked"
    priority: int = 0
    machine: Notes = ()
    answer: Notes = ()
    facts: dict[str, str] = {}
    doubts: tuple[Notes, ...] | UnsetType = UNSET

    @property
    def subject(self) -> str:
        """Return what it is about: two items of work with one subject are one."""
        at = msgspec.json.encode(self.at, order="deterministic").decode()
        return f"{self.kind} {self.layer} {self.sample} {at}"
