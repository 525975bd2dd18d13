"""The gallery: for each way in which samples ended, some of them by a keyed draw, each with its story."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, structs

from pipelines.guard.talk import Request
from pipelines.query.choose import Place
from pipelines.query.films.lanes import Span, is_on_time, lanes_of
from pipelines.query.story import Item, Story, Teller, Told
from pipelines.query.thumbnails import thumbnails
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from schemas.draw import fraction
from schemas.note import Noted
from schemas.sample import Sample, Text, Video

SEED = "browse"
MOST_CHARS = 400
MOST_TEXTS = 12
MOST_PLACES = 24
MOST_ITEMS = 32
ITEM_BEGINS_CHARS, ITEM_ENDS_CHARS = 1000, 500
MOST_SPANS = 400
PICTURES_BYTES = 2_800_000
LEAST_PICTURE_BYTES, MOST_PICTURE_BYTES = 3_000, 36_000

_BATCH = 8192
_OUTCOMES = ("kept", "dropped", "failed")


class Group(Struct, frozen=True):
    """Samples that ended alike: kept, or dropped or failed at one step for one reason; `places` are those drawn."""

    outcome: str
    step: int
    by: str
    reason: str
    count: int
    places: tuple[Place, ...]


def draw_groups(db: Any, recipe_id: str, most: int) -> list[Group]:
    """Return every way in which samples ended, with at most `most` samples each: those with the smallest draw.

    What is held is the samples drawn, never all of them.
    """
    counts: dict[tuple[str, int, str, str], int] = {}
    drawn: dict[tuple[str, int, str, str], list[tuple[float, str, Place]]] = {}
    found = db.cursor().execute(
        f"SELECT outcome, step, decided_by, reason, key, shard, row FROM verdicts WHERE recipe = {quoted(recipe_id)}"
    )
    while batch := found.fetchmany(_BATCH):
        for *end, key, shard, row in batch:
            outcome, step, by, reason = end
            group = (outcome, int(step), by, reason)
            counts[group] = counts.get(group, 0) + 1
            entry = (-fraction(key, SEED), key, Place(key, shard, int(row)))
            held = drawn.setdefault(group, [])
            if len(held) < most:
                heapq.heappush(held, entry)
            elif most:
                heapq.heappushpop(held, entry)
    ordered = sorted(counts, key=lambda group: (_OUTCOMES.index(group[0]) > 0, group[1], group))
    return [Group(*group, counts[group], tuple(e[2] for e in sorted(drawn[group], reverse=True))) for group in ordered]


def tell_cards(db: Any, shelf: Shelf, teller: Teller, places: list[Place]) -> list[dict[str, Any]]:
    """Return a card for each sample and for each witness that one of them lost to: picture, caption, story."""
    cards: dict[str, dict[str, Any]] = {}
    requests: dict[str, Request] = {}
    for wave in (places, None):
        for place in sorted(wave or _witnesses(db, cards), key=lambda place: (place.shard, place.row)):
            story = teller.tell(place)
            cards[place.key] = _card(story)
            if story.offsets:
                requests[place.key] = _request(shelf, story)
    most_bytes = PICTURES_BYTES * 3 // 4 // max(1, len(requests))
    pictures = thumbnails(list(requests.values()), min(max(most_bytes, LEAST_PICTURE_BYTES), MOST_PICTURE_BYTES))
    for key, picture in zip(requests, pictures, strict=True):
        if isinstance(picture, Noted):
            names = ("thumbnail", "thumbnail_width_px", "thumbnail_height_px")
            cards[key]["picture"] = [picture.values[name] for name in names]
        else:
            cards[key]["no_picture"] = picture.reason
    return list(cards.values())


def cut(text: str) -> str:
    """Return a text, or its beginning and how long it is."""
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}… ({len(text):,} characters)"


def _witnesses(db: Any, cards: dict[str, dict[str, Any]]) -> Iterator[Place]:
    """Yield the places of the witnesses that have no card yet."""
    keys = sorted({card["witness"] for card in cards.values() if card.get("witness")} - cards.keys())
    if keys:
        found = db.execute("SELECT key, shard, row FROM samples WHERE key IN (SELECT unnest(?))", [keys]).fetchall()
        yield from (Place(key, shard, int(row)) for key, shard, row in found)


def _request(shelf: Shelf, story: Story) -> Request:
    """Ask for a sample's picture; its texts stay here, since one may be long."""
    sample = structs.replace(story.sample, parts=tuple(part for _, part in story.sample.media()))
    return Request(sample, shelf.media_url(story.media), story.offsets)


def _card(story: Story) -> dict[str, Any]:
    """Return what the page shows of a story; fields that say nothing are left out."""
    source, last = story.sample.source, story.told[-1]
    places = [place for place in story.places if not is_on_time(place)]
    lost = last if last.witness else Told("", "")
    card = {
        "key": story.sample.key,
        "outcome": story.outcome,
        "by": story.by,
        "reason": story.reason,
        "measured": last.measured if story.outcome == "dropped" else None,
        "witness": lost.witness,
        "lost_to": lost.witness_name,
        "source": {
            "dataset": cut(source.dataset),
            "row": cut(source.row),
            "licence": cut(source.licence),
            "uri": cut(source.uri),
            "parent": source.parent,
        },
        "where": f"shard {story.shard}, row {story.row}, {story.media or 'no bytes'}",
        "parts": _parts(story.sample),
        "told": [_told(told) for told in story.told],
        "film": _film(story),
        "places": [_place(place) for place in places[:MOST_PLACES]],
        "places_in_all": len(places),
        "exports": list(story.exports),
        "meta": cut(source.meta),
    }
    return {name: value for name, value in card.items() if value is not None and value not in ("", [])}


def _film(story: Story) -> dict[str, Any] | None:
    """Return what the page shows of a sample's first video: its notes on spans, of each lane the first ones."""
    found = [(place, part) for place, part in story.sample.media() if isinstance(part, Video)]
    if not found:
        return None
    at, video = found[0]
    lanes = [lane for lane in lanes_of(story.places) if lane.part == at]
    left_out = sum(max(0, len(lane.spans) - MOST_SPANS) for lane in lanes)
    shown = [structs.replace(lane, spans=tuple(map(_span, lane.spans[:MOST_SPANS]))) for lane in lanes]
    return {"extension": video.extension, "lanes": shown, "left_out": left_out}


def _span(span: Span) -> Span:
    return structs.replace(span, says=cut(span.says), told=tuple((name, cut(said)) for name, said in span.told))


def _parts(sample: Sample) -> list[dict[str, Any]]:
    """Return the parts by their places: every picture and video, and the first texts."""
    found: list[dict[str, Any]] = []
    texts = 0
    for place, part in enumerate(sample.parts):
        if not isinstance(part, Text):
            size = {"bytes": part.size_bytes, "digest": part.digest}
            found.append({"at": place, "kind": type(part).__name__.lower(), "extension": part.extension, **size})
        elif (texts := texts + 1) <= MOST_TEXTS:
            found.append({"at": place, "kind": "text", "role": part.role, "text": cut(part.text)})
    return found if texts <= MOST_TEXTS else [*found, {"kind": "more", "texts": texts - MOST_TEXTS}]


def _told(told: Told) -> dict[str, Any]:
    said = structs.asdict(told)
    said["notes"] = {name: _value(value) for name, value in told.notes.items()}
    said["items"] = [_item(item) for item in told.items[:MOST_ITEMS]]
    said["more_items"] = max(0, len(told.items) - MOST_ITEMS) or None
    said["detail"] = cut(told.detail)
    return {name: value for name, value in said.items() if value not in (None, "", (), [], {})}


def _item(item: Item) -> dict[str, Any]:
    """Return one of several things; of a long text its beginning and its end, where an answer stands."""
    text = item.text
    if len(text) > ITEM_BEGINS_CHARS + ITEM_ENDS_CHARS:
        between = f"… ({len(text):,} characters) …"
        text = f"{text[:ITEM_BEGINS_CHARS]} {between} {text[-ITEM_ENDS_CHARS:]}"
    return {"said": {word: _value(value) for word, value in item.said.items()}, "text": text}


def _place(place: dict[str, Any]) -> dict[str, Any]:
    return {**place, "value": _value(place.get("value", ""))}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(one) for one in value[:MOST_TEXTS]]
    return cut(value) if isinstance(value, str) else value
