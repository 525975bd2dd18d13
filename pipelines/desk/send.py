"""Sending: what of a shelf is asked at a desk is put into its queue, with what people are to see of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from annotators.desk.item import Item
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.ledger import Ledger
from annotators.desk.routing import Route
from pipelines.desk.asked import Line, Signals, item_of, places_asked, way_of
from pipelines.desk.folder import now_ms
from pipelines.desk.media import AT, SeenByPeople, is_there
from pipelines.desk.samples import Candidate, candidates
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.recipes.recipe import Recipe
from pipelines.shelf.shelf import Shelf
from schemas.note import Failed, TimeSpan

BATCH = 64


class Wanted(Struct, frozen=True):
    """What is asked: of which samples and places of them, how it is routed, and how urgent it is."""

    sheets: tuple[Sheet, ...]
    spans: str = ""
    lines: tuple[Line, ...] = ()
    every: bool = False
    signals: Signals = Signals()
    route: Route = Route(0.5)
    kind: Literal["work", "gold", "exam"] = "work"
    priority: int = 0
    most: int = 0


class SentItems(Struct):
    """What became of what was looked at: items that came by why, those known before, failures (key, reason, detail),
    and keys of a list that are not on the shelf."""

    came: Counter[str] = field(default_factory=Counter)
    known: int = 0
    failed: list[tuple[str, str, str]] = []
    missing: list[str] = []


def send(ledger: Ledger, shelf: Shelf, recipe: Recipe | None, wanted: Wanted, media: str) -> SentItems:
    """Put items into the queue, batch by batch; what is there already is passed over, so a killed call is called again.

    What people see of an item that is known is made again where it is lost. A sample that cannot be shown stops
    nothing: it is among the failures.
    """
    sent, left = SentItems(), wanted.most
    for sheet in wanted.sheets:
        with Guard(SeenByPeople(folder=media, shows=sheet.shows)) as guard:
            batch = list[tuple[Candidate, Item]]()
            for candidate, item, way in _asked(shelf, recipe, wanted, sheet, sent):
                if way == "accepted":
                    sent.came["accepted by itself"] += 1
                    continue
                known = ledger.state.work.get(item.id)
                sent.known += known is not None
                if known is not None and is_there(media, known.item):
                    continue
                batch.append((candidate, item))
                if wanted.most and len(batch) >= left:
                    break
                if len(batch) == BATCH:
                    left -= _select(ledger, guard, batch, sent)
                    batch = []
            left -= _select(ledger, guard, batch, sent)
        if wanted.most and left <= 0:
            break
    return sent


def _asked(
    shelf: Shelf, recipe: Recipe | None, wanted: Wanted, sheet: Sheet, sent: SentItems
) -> Iterator[tuple[Candidate, Item, str]]:
    lines = defaultdict[str, list[Line]](list)
    for line in wanted.lines:
        lines[line.sample].append(line)
    names, missing = (*sheet.writes, *wanted.signals.names), dict.fromkeys(lines)
    for candidate in candidates(shelf, recipe, names, wanted.every or bool(lines), frozenset(lines)):
        missing.pop(candidate.sample.key, None)
        for at, answer in places_asked(candidate, wanted.spans, lines.get(candidate.sample.key, ())):
            item = item_of(candidate, sheet, at, wanted.kind, wanted.priority, answer)
            way = way_of(candidate, item.id, wanted.signals, wanted.route) if wanted.kind == "work" else "asked"
            yield candidate, item if way == "accepted" else msgspec.structs.replace(item, why=way), way
    sent.missing = list(missing)


def _select(ledger: Ledger, guard: Guard, batch: Sequence[tuple[Candidate, Item]], sent: SentItems) -> int:
    """Make what is shown for some items, and select those for which it could be made."""
    requests = [
        Request(candidate.sample, candidate.media, candidate.offsets, _where(item)) for candidate, item in batch
    ]
    ready = list[Item]()
    for (candidate, item), made in zip(batch, guard.look(requests), strict=True):
        if isinstance(made, Failed):
            sent.failed.append((candidate.sample.key, made.reason, made.detail))
        else:
            ready.append(_with_facts(item, made.values))
    known = set(ledger.refresh().work)
    came = ledger.select(ready, now_ms()) if ready else 0
    sent.came.update(item.why for item in ready if item.id not in known)
    return came


def _where(item: Item) -> dict[str, Any]:
    at = item.at
    return {AT: [at.part, at.start_pts, at.end_pts, *at.time_base] if isinstance(at, TimeSpan) else []}


def _with_facts(item: Item, made: dict[str, Any]) -> Item:
    facts = {name: str(value) for name, value in made.items() if value}
    return msgspec.structs.replace(item, facts=facts)
