"""Events: all that can happen at a desk. The log of them is the truth, a state is what folding them gives.

An event says what was decided, never why it follows: agreement is measured once, when the last annotation comes in, and
its number stands in the event. So replay needs no metric, no model and no clock, and gives the same bytes for ever.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from annotators.desk.item import Item, Notes
from annotators.desk.rules import Accepted, Layer
from schemas.names import snake_case

Role = Literal["annotator", "reviewer", "adjudicator"]
Origin = Literal["annotation", "edit", "merge", "fix", "adjudication"]


class Event(Struct, frozen=True, tag_field="event", tag=snake_case, omit_defaults=True):
    """Something that happened."""


class LayerSet(Event, frozen=True):
    """A layer came, or changed: `items` are those whose accepted notes the change is about."""

    layer: Layer
    accepted: Accepted = "keep"
    items: tuple[str, ...] = ()


class PersonSet(Event, frozen=True):
    """A person came, or changed: no `layers` are all of them."""

    person: str
    roles: tuple[Role, ...]
    layers: tuple[str, ...] = ()
    cost_per_hour: float = 0.0


class PersonPaused(Event, frozen=True):
    """A person gets no work until resumed."""

    person: str
    why: str


class PersonResumed(Event, frozen=True):
    """A person gets work again; gold answers before this count no more towards a pause."""

    person: str


class Selected(Event, frozen=True):
    """An item is asked about."""

    item: Item


class Prioritised(Event, frozen=True):
    """An item moves in the queue: higher comes first."""

    item: str
    priority: int


class Leased(Event, frozen=True):
    """A person holds a slot of an item, or its review or adjudication, until a time of the ledger."""

    item: str
    person: str
    role: Role
    until_ms: int
    slot: int = -1


class Sent(Event, frozen=True):
    """What a person holds lies in an editor, as this task of it."""

    item: str
    person: str
    role: Role
    task: str


class Released(Event, frozen=True):
    """A person holds an item no longer."""

    item: str
    person: str
    role: Role
    why: Literal["released", "expired", "reassigned", "paused", "overtaken", "withdrawn"]


class Written(Event, frozen=True):
    """A version of an item's notes: `slot` is the one that it fills, -1 where it fills none: it is merged, or late, and
    `why` says why it is late.

    `external` is the editor's name for it, `updated` the editor's stamp: the two of them make a second delivery known.
    """

    item: str
    version: str
    author: str
    origin: Origin
    notes: Notes
    digest: str
    config: str
    guideline: str = ""
    slot: int = -1
    parent: str = ""
    resolves: tuple[str, ...] = ()
    external: str = ""
    updated: str = ""
    spent_s: float = 0.0
    why: str = ""


class Skipped(Event, frozen=True):
    """A person says why an item cannot be annotated."""

    item: str
    person: str
    reason: str
    external: str = ""
    updated: str = ""
    spent_s: float = 0.0


class Deleted(Event, frozen=True):
    """What the editor calls `external` was deleted there before anything was built on it, or before it came in."""

    external: str
    item: str = ""
    version: str = ""


class Refused(Event, frozen=True):
    """What came in and does not count, with its reason; what stands is untouched."""

    item: str
    person: str
    reason: str
    detail: str = ""
    external: str = ""
    updated: str = ""
    digest: str = ""


class Scored(Event, frozen=True):
    """A gold or exam item was answered."""

    item: str
    version: str
    person: str
    agreement: float
    passed: bool


class Examined(Event, frozen=True):
    """A person has answered the whole exam of a layer."""

    person: str
    layer: str
    round: int
    share: float
    passed: bool


class Retaken(Event, frozen=True):
    """A person may take the exam of a layer again."""

    person: str
    layer: str


class Measured(Event, frozen=True):
    """The annotations of an item were compared."""

    item: str
    versions: tuple[str, ...]
    agreement: float


class ReviewAsked(Event, frozen=True):
    """A version goes before a reviewer."""

    item: str
    version: str
    why: str


class AdjudicationAsked(Event, frozen=True):
    """An item goes before an adjudicator, who sees these versions side by side; `by` is a reviewer who sent it on."""

    item: str
    versions: tuple[str, ...]
    why: str
    by: str = ""
    spent_s: float = 0.0
    external: str = ""
    updated: str = ""
    digest: str = ""


class AcceptedNotes(Event, frozen=True):
    """A version stands; the one that stood before, and those that it resolves, are superseded.

    `machine` is the agreement of what models had noted with what stands, None where they had noted nothing.
    """

    item: str
    version: str
    how: Literal["agreement", "single", "review", "fix", "adjudication"]
    by: str = ""
    spent_s: float = 0.0
    machine: float | None = None
    external: str = ""
    updated: str = ""
    digest: str = ""


class Rejected(Event, frozen=True):
    """A reviewer turns a version down, with a comment and a tag of the issue."""

    item: str
    version: str
    by: str
    comment: str
    tag: str
    then: Literal["requeue", "remove", "adjudicate"]
    spent_s: float = 0.0
    external: str = ""
    updated: str = ""
    digest: str = ""


class Quarantined(Event, frozen=True):
    """An item leaves the queues until it is opened again."""

    item: str
    why: str


class Reopened(Event, frozen=True):
    """An item is asked about anew; what stands goes on to stand until something newer is accepted."""

    item: str
    by: str
    why: str


class Exported(Event, frozen=True):
    """Versions went out in one batch, which is one event: all of them, or none."""

    batch: str
    manifest: str
    licence: str
    versions: dict[str, str]


AnyEvent = (
    LayerSet
    | PersonSet
    | PersonPaused
    | PersonResumed
    | Selected
    | Prioritised
    | Leased
    | Sent
    | Released
    | Written
    | Skipped
    | Deleted
    | Refused
    | Scored
    | Examined
    | Retaken
    | Measured
    | ReviewAsked
    | AdjudicationAsked
    | AcceptedNotes
    | Rejected
    | Quarantined
    | Reopened
    | Exported
)
