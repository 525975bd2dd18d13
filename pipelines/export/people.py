"""People's word in an export: what of it a sample carries, and what is told of it on the card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from typing import Any

import msgspec
from msgspec import structs

from pipelines.shelf.people import read_receipts
from pipelines.shelf.shelf import Shelf
from schemas.clip import Clip
from schemas.errors import BadInput
from schemas.note import At, Note, Whole
from schemas.people import Word, stretch, words_json

OPTION = "people"
"""Among an export's options: the desks, and by layer items, notes and items by taxonomy."""


def told_of_people(shelf: Shelf) -> dict[str, Any]:
    """Return what an export tells of the desks on its shelf, nothing where there is none.

    Raises BadInput where a collection was stopped in the middle.
    """
    receipts = read_receipts(shelf)
    layers: dict[str, dict[str, Any]] = {}
    for one in receipts:
        if one.status != "done":
            raise BadInput(
                f"what {one.desk} says was not collected to its end",
                where=shelf.url,
                remedy="run `ostraka desk collect` again",
            )
        for name, of in one.layers.items():
            _add(layers, name, of.items, of.notes, of.taxonomies)
    return {OPTION: {"desks": [one.desk for one in receipts], "layers": layers}} if receipts else {}


def told_together(options: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the options of the first part of a mix, with what is told of people on all of their shelves."""
    desks, layers = dict[str, None](), dict[str, dict[str, Any]]()
    for told in {msgspec.json.encode(one[OPTION]): one[OPTION] for one in options if OPTION in one}.values():
        desks |= dict.fromkeys(told["desks"])
        for name, of in told["layers"].items():
            _add(layers, name, of["items"], of["notes"], of["taxonomies"])
    people = {OPTION: {"desks": list(desks), "layers": layers}} if desks else {}
    return {**{name: value for name, value in options[0].items() if name != OPTION}, **people}


def _add(layers: dict[str, dict[str, Any]], name: str, items: int, notes: int, taxonomies: dict[str, int]) -> None:
    told = layers.setdefault(name, {"items": 0, "notes": 0, "taxonomies": {}})
    told["items"], told["notes"] = told["items"] + items, told["notes"] + notes
    both = Counter(told["taxonomies"]) + Counter(taxonomies)
    told["taxonomies"] = dict(sorted(both.items()))


def words_of_sample(words: Sequence[Word], gone: Container[int] = ()) -> str:
    """Return what people say of a sample as it leaves, without what they say of parts that were left out."""
    return words_json([word for one in words if (word := _with(one, lambda at: getattr(at, "part", -1) not in gone))])


def words_of_clip(words: Sequence[Word], clip: Clip) -> str:
    """Return what people say of a clip: of its whole video, and of times that it shows some of."""
    shown = stretch(clip.at)

    def is_shown(at: At) -> bool:
        other = stretch(at)
        if other is None or shown is None:
            return isinstance(at, Whole)
        return other[0] == shown[0] and other[1] < shown[2] and shown[1] < other[2]

    return words_json([word for one in words if (word := _with(one, is_shown))])


def _with(word: Word, keeps: Any) -> Word | None:
    """Return a word with those of its notes whose places are kept, None where none is."""
    notes: tuple[Note, ...] = tuple(note for note in word.notes if keeps(note.at))
    return structs.replace(word, notes=notes) if notes else None
