"""Rules: how many people look, when their work stands, and what a layer asks of them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schemas.errors import BadInput

Accepted = Literal["keep", "review", "reopen"]
"""What a change does to notes accepted before: they stand as they are, are reviewed, or are asked for anew."""


class Rules(Struct, frozen=True):
    """A layer's rules; shares and agreements lie in [0, 1].

    `overlap` people annotate an item, blind to one another. Agreement of `accept_at` and more is merged and accepted,
    of `adjudicate_below` and more is merged and reviewed, below it an adjudicator writes. `review_share` of what was
    accepted without a look is reviewed all the same, drawn by a keyed hash of the item; where one person annotates,
    it is the share that a reviewer sees at all. Where a model noted something, it counts as another reader: what one
    person says against it is reviewed, unless the item's `doubts` say the same, and what people say against it in an
    audit, in the end, by an adjudicator.

    What is whole is compared `grace_s` later: until then its authors may still edit it.

    A rejected item waits `author_first_s` for its author. Of a person's items `gold_share` are gold; one passes where
    its agreement with the answer is `gold_pass` or more, and who passes less than `pause_below` of the last
    `gold_window` is paused. Where `exam_pass` is above 0, only who passed that share of the layer's exam gets work.
    """

    overlap: int = 2
    accept_at: float = 0.85
    adjudicate_below: float = 0.85
    review_share: float = 0.1
    grace_s: int = 0
    lease_s: int = 4 * 3600
    author_first_s: int = 24 * 3600
    on_reject: Literal["requeue", "remove", "flexible"] = "requeue"
    skips_quarantine: int = 2
    rejections_adjudicate: int = 2
    gold_share: float = 0.05
    gold_pass: float = 0.8
    gold_window: int = 10
    pause_below: float = 0.7
    exam_pass: float = 0.0


class Layer(Struct, frozen=True):
    """A layer as people see it: versions of the editor's config, of the taxonomy and of the guideline."""

    name: str
    config: str
    taxonomy: str = ""
    guideline: str = ""
    rules: Rules = Rules()


_SHARES = (
    "accept_at",
    "adjudicate_below",
    "review_share",
    "gold_share",
    "gold_pass",
    "pause_below",
    "exam_pass",
)
_COUNTS = ("overlap", "lease_s", "skips_quarantine", "rejections_adjudicate", "gold_window")


def check_layer(layer: Layer) -> None:
    """Raise BadInput where a rule lies outside its range."""
    where = f"layer {layer.name!r}"
    if not layer.name or not layer.config:
        raise BadInput("a layer needs a name and the version of its config", where=where, remedy="give both")
    for name in _SHARES:
        if not 0 <= getattr(layer.rules, name) <= 1:
            raise BadInput(f"{name} is {getattr(layer.rules, name)}", where=where, remedy="give a number from 0 to 1")
    for name in _COUNTS:
        if getattr(layer.rules, name) < 1:
            raise BadInput(f"{name} is {getattr(layer.rules, name)}", where=where, remedy="give 1 or more")
    if layer.rules.adjudicate_below > layer.rules.accept_at:
        remedy = "make adjudicate_below at most accept_at"
        raise BadInput("what is accepted would be adjudicated", where=where, remedy=remedy)
