"""What people send in, and what becomes of it."""

from __future__ import annotations

from math import isfinite
from typing import Literal

from msgspec import Struct

from annotators.desk.item import Notes


class Submission(Struct, frozen=True):
    """Notes of a person about an item.

    `external` is the editor's own name for it, unique in the desk, and `updated` the editor's stamp, which orders as
    text (ISO 8601 in UTC): what comes twice under the same two is taken once, and what is older than what came is left.
    """

    item: str
    person: str
    notes: Notes
    config: str
    external: str = ""
    updated: str = ""
    guideline: str = ""
    spent_s: float = 0.0


class Review(Struct, frozen=True):
    """A reviewer's word: `notes` are those of a fix; a rejection needs a comment and a tag.

    `then` is what becomes of a rejected item where the layer's rules leave it to the reviewer: requeue or remove.
    """

    item: str
    person: str
    verdict: Literal["accept", "fix", "reject"]
    notes: Notes = ()
    comment: str = ""
    tag: str = ""
    then: Literal["", "requeue", "remove"] = ""
    external: str = ""
    updated: str = ""
    spent_s: float = 0.0


class Outcome(Struct, frozen=True):
    """What became of it: `late` is kept and counts for nothing, `refused` is on record with its reason only."""

    kind: Literal["written", "edited", "late", "skipped", "deleted", "judged", "duplicate", "stale", "refused"]
    version: str = ""
    reason: str = ""


def flaw(notes: Notes, spent_s: float) -> str:
    """Return why notes can be nobody's, whatever the layer; empty where they can."""
    if not notes:
        return "empty"
    if not isfinite(spent_s) or spent_s < 0:
        return "time_spent"
    values = [one for note in notes for one in (note.value if isinstance(note.value, list) else [note.value])]
    if any(isinstance(value, float) and not isfinite(value) for value in values):
        return "not_finite"
    return ""
