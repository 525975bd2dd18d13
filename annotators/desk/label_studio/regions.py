"""Notes as the editor's regions: what a model or another person says, put before an annotator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from annotators.desk.label_studio.codec import to_keyframes, to_range
from annotators.desk.label_studio.config import BOX, OBJECT
from annotators.desk.label_studio.frame_map import FrameMap
from annotators.desk.label_studio.sheet import Choice, Field, Grade, Line, Places, Sheet, Spans, Tracks
from schemas.errors import BadSample
from schemas.note import At, Note, TimeSpan, Track, Value, Whole

KINDS: dict[type, str] = {
    Choice: "choices",
    Line: "textarea",
    Grade: "rating",
    Spans: "timelinelabels",
    Tracks: "videorectangle",
}
"""What the editor calls the region of each thing that is asked."""
UNKNOWN = "unknown_label"

Region = dict[str, Any]
LeftOut = tuple[Note, str]


class Clip(Struct, frozen=True):
    """A video of a sample as the editor shows it: its place among the parts, and its frames."""

    part: int
    map: FrameMap


class Sent(Struct, frozen=True):
    """The regions of a task, and each note that could not be shown with its reason."""

    regions: tuple[Region, ...]
    left_out: tuple[LeftOut, ...] = ()


def to_regions(sheet: Sheet, notes: Sequence[Note], clip: Clip | None = None) -> Sent:
    """Return the notes that a sheet asks for as regions of the editor; others are passed over.

    A note is left out, with its reason, where it cannot be shown: a label that is not asked for, a place outside of
    the clip or between its frames.
    """
    regions, left_out = list[Region](), list[LeftOut]()
    for one in sheet.asked:
        if isinstance(one, Spans | Tracks):
            for group in _by_place(one, notes, clip) if clip else ():
                try:
                    shape = _shape(one, group, clip)
                except BadSample as bad:
                    left_out += [(note, bad.reason) for note in group.values()]
                    continue
                key = _key(one.name, len(regions))
                regions.append(_region(one, key, OBJECT[sheet.shows], shape | _label(one, group)))
                regions += _fields(one.fields, group, key, OBJECT[sheet.shows], shape, left_out)
        else:
            found = [note for note in notes if note.name == one.name and isinstance(note.at, Whole)]
            group = {note.name: note for note in found[:1]}
            regions += _fields((one,), group, _key(one.name, len(regions)), OBJECT[sheet.shows], {}, left_out)
    return Sent(tuple(regions), tuple(left_out))


def _by_place(one: Places, notes: Sequence[Note], clip: Clip) -> Iterator[dict[str, Note]]:
    """Yield the notes of each region by name: those of a place, the first of each name together, and so on."""
    kind = TimeSpan if isinstance(one, Spans) else Track
    names = {one.name, *(field.name for field in one.fields)}
    places = dict[At, dict[str, list[Note]]]()
    for note in notes:
        if note.name in names and isinstance(note.at, kind) and note.at.part == clip.part:
            places.setdefault(note.at, {}).setdefault(note.name, []).append(note)
    for named in places.values():
        for turn in range(max(map(len, named.values()))):
            yield {name: found[turn] for name, found in named.items() if turn < len(found)}


def _shape(one: Places, group: dict[str, Note], clip: Clip | None) -> Region:
    """Return where a region is; raises BadSample where it cannot be anywhere."""
    assert clip is not None
    if _label(one, group).keys() and str(_said(one, group)) not in one.labels:
        raise BadSample(UNKNOWN, str(_said(one, group)))
    at = next(iter(group.values())).at
    if isinstance(at, TimeSpan):
        return {"ranges": [msgspec.to_builtins(to_range(at, clip.map))]}
    assert isinstance(at, Track) and isinstance(one, Tracks)
    keyframes = to_keyframes(at, clip.map, tolerance_px=one.tolerance_px, bridged=one.bridged)
    length = {"framesCount": clip.map.frames, "duration": clip.map.frames / clip.map.frames_per_s}
    return {"sequence": msgspec.to_builtins(keyframes), **length}


def _said(one: Places, group: dict[str, Note]) -> Value:
    """Return a region's label; the first that is asked for where nobody has said one."""
    return group[one.name].value if one.name in group else one.labels[0]


def _label(one: Places, group: dict[str, Note]) -> Region:
    return {"timelinelabels" if isinstance(one, Spans) else "labels": [str(_said(one, group))]}


def _fields(
    fields: Sequence[Field], group: dict[str, Note], key: str, of: str, shape: Region, left_out: list[LeftOut]
) -> Iterator[Region]:
    for field in fields:
        if field.name not in group:
            continue
        value = value_of(field, group[field.name].value)
        if value is None:
            left_out.append((group[field.name], UNKNOWN))
        elif value:
            yield _region(field, key, of, shape | value)


def value_of(field: Field, value: Value) -> Region | None:
    """Return a field's value as the editor holds it, empty where nothing is said, None where it cannot be."""
    if isinstance(field, Choice):
        chosen = [str(one) for one in value] if isinstance(value, list) else [str(value)] if value != "" else []
        if not set(chosen) <= set(field.options) or (len(chosen) > 1 and not field.several):
            return None
        return {"choices": chosen} if chosen else {}
    if isinstance(field, Line):
        return {"text": [str(value)]} if value != "" else {}
    if value == 0:
        return {}
    graded = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= field.most
    return {"rating": value} if graded else None


def _key(name: str, number: int) -> str:
    return sha256(f"{name}/{number}".encode()).hexdigest()[:10]


def _region(one: Field | Places, key: str, of: str, value: Region) -> Region:
    """Return a region; what has one id is one region to the editor."""
    name = one.name + BOX if isinstance(one, Tracks) else one.name
    return {"id": key, "from_name": name, "to_name": of, "type": KINDS[type(one)], "value": value}
