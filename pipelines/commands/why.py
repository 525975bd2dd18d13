"""`ostraka why`: a sample's whole story, step by step, and what was said of it."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.options import open_shelf, own_modules, recipe_option, shelf_option
from pipelines.commands.screen import counted, number, say, table

_MOST_NAMED = 8
_SHOWN_OF_A_VECTOR = 6
_LONG_CHARS = 80
"""Texts of a list in which one is longer stand below each other, by their numbers."""


@click.command(short_help="Tell a sample's whole story.")
@click.argument("key")
@shelf_option
@recipe_option
def why(key: str, shelf_url: str, asked: str) -> None:
    """Tell why a sample was kept, dropped or failed. KEY may be the beginning of a key, or a row's name."""
    from pipelines.query.choose import choose_recipe, find_sample, load_recipe
    from pipelines.query.story import tell
    from pipelines.shelf.in_duckdb import connected

    shelf = open_shelf(shelf_url)
    own_modules()
    with connected(shelf) as db:
        place = find_sample(db, shelf, key)
        recipe_id = choose_recipe(shelf, asked)
        story = tell(db, shelf, load_recipe(shelf, recipe_id), place)
    source = story.sample.source
    say(f"{story.sample.key}  {story.outcome}" + (f" by {story.by}: {story.reason}" if story.reason else ""))
    say(f"  from {source.dataset}/{source.row}, licence {source.licence or 'not stated'}{_uri(source.uri)}")
    say(f"  on the shelf in shard {story.shard}, row {story.row}, bytes in {story.media or 'no tar'}")
    for place_among, part in enumerate(story.sample.parts):
        say(f"  part {place_among}: {_part(part)}")
    _say_places(story.places)
    table(recipe_id, ("step", "", "said"), [(told.step, told.outcome, _said(told)) for told in story.told])
    for told in story.told:
        for place_among, item in enumerate(told.items):
            _say_item(place_among, item)
    for folder in story.exports:
        say(f"exported to {folder}")


def _uri(uri: str) -> str:
    return f", {uri}" if uri else ""


def _part(part: Any) -> str:
    from schemas.sample import Text

    if isinstance(part, Text):
        text = part.text if len(part.text) <= 160 else f"{part.text[:160]}... ({len(part.text)} characters)"
        return f"{part.role} {text!r}"
    return f"{type(part).__name__.lower()} {part.extension}, {part.size_bytes} bytes, sha256 {part.digest[:16]}..."


def _say_places(places: Any) -> None:
    """Tell notes on places: those on spans of time in a line for each name, the others one after another."""
    from pipelines.query.films.lanes import is_on_time, lanes_of

    if at := [note for note in places if not is_on_time(note)]:
        named = ", ".join(f"{note['name']} {note['value']}{_where(note['at'])}" for note in at[:_MOST_NAMED])
        say(f"  {len(at)} notes on places: {named}{', ...' if len(at) > _MOST_NAMED else ''}")
    for lane in lanes_of(places):
        by = f" by {lane.by}" if lane.by else ""
        named = ", ".join(_span(lane, span) for span in lane.spans[:_MOST_NAMED])
        more = ", ..." if len(lane.spans) > _MOST_NAMED else ""
        say(f"  {lane.name}{by}, {counted(len(lane.spans), 'span')}: {named}{more}")


def _where(at: dict[str, Any]) -> str:
    """Return where in a text a note stands; of a place on a picture, which `show --drawn` draws, nothing."""
    return f" (part {at['part']}, characters {at['start']} to {at['end']})" if at["at"] == "characters" else ""


def _span(lane: Any, span: Any) -> str:
    from pipelines.query.films.clock import clock

    sure = "" if span.sure is None else f" {number(span.sure)}"
    return f"{clock(lane.seconds(span.start_pts))}-{clock(lane.seconds(span.end_pts))} {span.says}{sure}"


def _said(told: Any) -> str:
    said = [f"{name} {_value(value)}" for name, value in told.notes.items()]
    if told.reason:
        said.append(told.reason)
    if told.measured is not None:
        said.append(f"measured {number(told.measured)}")
    if told.witness:
        said.append(f"lost to {told.witness} ({told.witness_name})")
    if told.left_out:
        why = told.left_out_why or ("",) * len(told.left_out)
        parts = [
            f"{place} ({reason})" if reason else str(place) for place, reason in zip(told.left_out, why, strict=True)
        ]
        said.append(f"left out parts {', '.join(parts)}")
    if told.detail:
        said.append(told.detail)
    return ", ".join(said).replace("\n, ", "\n").rstrip("\n")


def _value(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(item, str) and len(item) > _LONG_CHARS for item in value):
        return "".join(f"\n{place}: {item}" for place, item in enumerate(value)) + "\n"
    if isinstance(value, list):
        shown = value[:_SHOWN_OF_A_VECTOR] if _is_vector(value) else value
        rest = "" if len(shown) == len(value) else f", ... {len(value)} in all"
        return "[" + ", ".join(_value(item) for item in shown) + rest + "]"
    return number(value) if isinstance(value, float) else str(value)


def _is_vector(value: list[Any]) -> bool:
    """Say whether a list is of numbers and longer than a person reads; `sql` has all of them."""
    return len(value) > 2 * _SHOWN_OF_A_VECTOR and isinstance(value[0], int | float)


def _say_item(place: int, item: Any) -> None:
    """Tell one of several things that an annotator looked at, and its text below."""
    said = ((word, f"{value:.3g}" if isinstance(value, float) else str(value)) for word, value in item.said.items())
    say(f"  {place}: {', '.join(f'{word} {value}'.strip() for word, value in said if value)}")
    for line in item.text.splitlines():
        say(f"     {line}")
