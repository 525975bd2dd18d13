"""The state of a desk: what folding its events gives, and its canonical bytes.

It holds no set and no order that hangs on a process: two logs with the same events give the same bytes, on SQLite and
on PostgreSQL, today and after a restore.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec
from msgspec import Struct

from annotators.desk.clock import Clock
from annotators.desk.events import Origin, Role
from annotators.desk.item import WORK, Item, Notes
from annotators.desk.rules import Layer

ItemState = Literal["draft", "annotated", "in_review", "adjudicate", "accepted", "exported", "quarantined"]
VersionState = Literal["annotated", "late", "rejected", "accepted", "exported", "superseded", "deleted"]

DRAFT, ANNOTATED, IN_REVIEW, ADJUDICATE = "draft", "annotated", "in_review", "adjudicate"
STANDS = ("accepted", "exported")


class Lease(Struct):
    """Who holds something, until when, and as which task of the editor."""

    person: str
    until_ms: int
    task: str = ""


class Slot(Struct):
    """A place for one person's annotation; `first` is whom it waits for, until `first_until_ms`."""

    lease: Lease | None = None
    version: str = ""
    first: str = ""
    first_until_ms: int = 0
    comment: str = ""


class Version(Struct):
    """What somebody wrote about an item; nothing of it but its state ever changes."""

    id: str
    author: str
    origin: Origin
    notes: Notes
    digest: str
    config: str
    taxonomy: str
    guideline: str
    round: int
    at_ms: int
    state: VersionState = "annotated"
    parent: str = ""
    resolves: tuple[str, ...] = ()
    spent_s: float = 0.0
    comment: str = ""
    why: str = ""
    """Why it is late."""


class Work(Struct):
    """An item with all that happened to it: slots of this round, versions of all rounds, who looked at it."""

    item: Item
    priority: int
    selected_ms: int
    state: ItemState = "draft"
    round: int = 0
    slots: list[Slot] = []
    versions: dict[str, Version] = {}
    asked: tuple[str, ...] = ()
    """The versions before a reviewer or an adjudicator."""
    lease: Lease | None = None
    """Who reviews or adjudicates now."""
    standing: str = ""
    how: str = ""
    accepted_by: str = ""
    accepted_ms: int = 0
    machine: float | None = None
    agreement: float | None = None
    held: dict[str, list[Role]] = {}
    reviewers: list[str] = []
    rejections: int = 0
    skips: dict[str, str] = {}
    scores: dict[str, bool] = {}
    """Of a gold item's versions, whether they passed."""
    exported: dict[str, str] = {}
    """The batch of every version that went out."""
    why: str = ""
    looked_s: float = 0.0
    """What reviewing, adjudicating and skipping took."""

    @property
    def authors(self) -> list[str]:
        return sorted({one.author for one in self.versions.values() if one.origin != "merge"})


class Examination(Struct):
    """How a person stands in the exam of a layer."""

    round: int = 0
    passed: bool = False
    share: float | None = None


class Person(Struct):
    """Who works here."""

    name: str
    roles: tuple[Role, ...] = ()
    layers: tuple[str, ...] = ()
    cost_per_hour: float = 0.0
    paused: str = ""
    gold: dict[str, list[bool]] = {}
    """Whether gold items were passed, by layer, in the order in which they were answered."""
    exams: dict[str, Examination] = {}
    taken: int = 0
    """How many items were taken, gold ones too: what the draw of gold items goes by."""
    spent_s: float = 0.0


class External(Struct):
    """What the editor calls something that came in, and the last stamp of it that was seen."""

    item: str
    person: str
    updated: str
    digest: str = ""
    version: str = ""
    deleted: bool = False


class State(Struct):
    """A desk after its first `seq` events."""

    seq: int = 0
    clock: Clock = Clock()
    layers: dict[str, Layer] = {}
    configs: dict[str, list[str]] = {}
    """The configs of each layer whose notes still count: the last one, and those before it that it kept."""
    people: dict[str, Person] = {}
    work: dict[str, Work] = {}
    subjects: dict[str, str] = {}
    externals: dict[str, External] = {}
    refused: dict[str, int] = {}
    batches: dict[str, tuple[str, str]] = {}
    """Of each export its manifest's digest and its licence."""

    def items(self) -> list[Work]:
        """Return the items of work, in the order in which they were selected."""
        return [one for one in self.work.values() if one.item.kind == WORK]


def canonical(state: State) -> bytes:
    """Return the canonical bytes of a state: JSON, names in order."""
    return msgspec.json.encode(state, order="deterministic")


def digest_of(state: State) -> str:
    """Return the SHA-256 of a state's canonical bytes, in hex."""
    return sha256(canonical(state)).hexdigest()


def digest_of_notes(notes: Notes) -> str:
    """Return the SHA-256 of notes, in hex: of equal notes it is equal."""
    return sha256(msgspec.json.encode(notes, order="deterministic")).hexdigest()
