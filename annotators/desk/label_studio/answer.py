"""What the editor sends back as notes, or why it cannot stand.

Nothing is repaired: a region that breaks a rule is named with its reason, and the annotation waits for its annotator.
One thing is dropped without a word: with timelines and rectangles on one video, the editor writes each rectangle twice,
the second time as a span without a range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from annotators.desk.label_studio.codec import Keyframe, Range, to_span, to_track
from annotators.desk.label_studio.config import BOX
from annotators.desk.label_studio.regions import KINDS, UNKNOWN, Clip
from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Field, Grade, Line, Places, Sheet, Spans, Tracks
from annotators.desk.label_studio.skipped import SKIP
from schemas.errors import BadSample
from schemas.note import At, Item, Note, TimeSpan, Track, Value, Whole


class Refused(Struct, frozen=True):
    """Why a region, or the whole answer where `region` is empty, cannot stand."""

    reason: str
    detail: str = ""
    region: str = ""


class Answer(Struct, frozen=True):
    """The notes of an annotation; it stands where nothing of it is refused.

    `not_sure` are the names that the annotator was asked and did not know, `phantoms` how many rectangles were written
    twice.
    """

    notes: tuple[Note, ...] = ()
    refused: tuple[Refused, ...] = ()
    not_sure: tuple[str, ...] = ()
    phantoms: int = 0

    @property
    def stands(self) -> bool:
        return not self.refused


class _Region(Struct, frozen=True):
    type: str
    value: dict[str, Any] = {}
    id: str = ""
    from_name: str = ""
    to_name: str = ""


def read(sheet: Sheet, result: object, clip: Clip | None = None, *, sent_under: str = "") -> Answer:
    """Read an annotation's result.

    `sent_under` is the fingerprint that its task bears: another than the sheet's is of an older configuration.
    """
    if sent_under and sent_under != sheet.fingerprint:
        return _none("older_config", f"the task was sent under {sent_under}, the sheet is {sheet.fingerprint}")
    try:
        regions = msgspec.convert(result, list[_Region])
    except msgspec.ValidationError as error:
        return _none("malformed", str(error))
    phantoms = sum(map(_is_phantom, regions))
    real = [one for one in regions if not _is_phantom(one) and one.from_name != SKIP]
    if not real:
        return Answer(refused=(Refused("empty", "nothing was answered"),), phantoms=phantoms)
    answer = _Reading(sheet, clip)
    answer.take(real)
    refused = tuple(answer.refused)
    return Answer(tuple(answer.notes), refused, tuple(answer.not_sure), phantoms)


def _none(reason: str, detail: str) -> Answer:
    return Answer(refused=(Refused(reason, detail),))


def _is_phantom(region: _Region) -> bool:
    return region.type == "timelinelabels" and not region.value.get("ranges")


class _Reading:
    """The notes that are found, region by region, and what is refused on the way."""

    def __init__(self, sheet: Sheet, clip: Clip | None) -> None:
        self._sheet, self._clip = sheet, clip
        self.notes, self.refused, self.not_sure = list[Note](), list[Refused](), list[str]()

    def take(self, regions: Sequence[_Region]) -> None:
        asked = {name for one in self._sheet.asked for name in _controls(one)}
        for region in regions:
            if region.from_name not in asked:
                self._refuse("unknown_control", f"{region.from_name or region.type} is not asked", region.id)
        for one in self._sheet.asked:
            if isinstance(one, Spans | Tracks):
                self._take_places(one, regions)
            else:
                found = next((region for region in regions if region.from_name == one.name), None)
                self._take_field(one, found, Whole(), "")

    def _take_places(self, one: Places, regions: Sequence[_Region]) -> None:
        control = next(_controls(one))
        placed = list[tuple[_Region, str, At]]()
        for region in regions:
            if region.from_name != control:
                continue
            try:
                placed.append((region, _label(one, region), _at(one, region, self._clip)))
            except BadSample as bad:
                self._refuse(bad.reason, bad.detail, region.id)
        shared = Counter(at for _, _, at in placed)
        seen = set[tuple[str, At]]()
        for region, label, at in placed:
            if (label, at) in seen:
                self._refuse("same_twice", f"{label} stands there already", region.id)
                continue
            seen.add((label, at))
            self.notes.append(Note(one.name, label, at))
            for field in one.fields:
                mine = (same for same in regions if same.id == region.id and same.from_name == field.name)
                self._take_field(field, next(mine, None), at, region.id, shared[at] > 1)

    def _take_field(self, field: Field, region: _Region | None, at: At, key: str, fill: bool = False) -> None:
        """Note what a field says; `fill` writes an empty text for nothing, so that regions of one place pair up."""
        try:
            value = None if region is None else _value(field, region)
        except BadSample as bad:
            self._refuse(bad.reason, bad.detail, key or (region.id if region else ""))
            return
        if isinstance(field, Choice) and value == NOT_SURE:
            self.not_sure.append(field.name)
            value = None
        elif value is None and field.required:
            self._refuse("missing", f"{field.name} has to be answered", key)
        if value is not None or fill:
            self.notes.append(Note(field.name, _nothing(field) if value is None else value, at))

    def _refuse(self, reason: str, detail: str, region: str) -> None:
        self.refused.append(Refused(reason, detail, region))


def _controls(one: Field | Places) -> Iterator[str]:
    yield one.name + BOX if isinstance(one, Tracks) else one.name
    if isinstance(one, Spans | Tracks):
        yield from (field.name for field in one.fields)


def _label(one: Places, region: _Region) -> str:
    labels = region.value.get("timelinelabels" if isinstance(one, Spans) else "labels") or []
    if not labels:
        raise BadSample("no_label", f"{one.name} without a label")
    if len(labels) > 1 or labels[0] not in one.labels:
        raise BadSample(UNKNOWN, f"{one.name}: {', '.join(map(str, labels))}")
    return str(labels[0])


def _at(one: Places, region: _Region, clip: Clip | None) -> TimeSpan | Track:
    if clip is None or region.type != KINDS[type(one)]:
        raise BadSample("malformed", f"{region.type} for {one.name}")
    try:
        if isinstance(one, Tracks):
            return to_track(msgspec.convert(region.value.get("sequence"), list[Keyframe]), clip.part, clip.map)
        ranges = msgspec.convert(region.value.get("ranges"), list[Range])
    except msgspec.ValidationError as error:
        raise BadSample("malformed", str(error)) from None
    if len(ranges) != 1:
        raise BadSample("malformed", f"{len(ranges)} ranges in one region")
    span = to_span(ranges[0], clip.part, clip.map)
    if ranges[0].end - ranges[0].start + 1 < one.least_frames:
        raise BadSample("zero_length", f"{one.name} of frame {ranges[0].start} alone: a click, not a span")
    return span


def _nothing(field: Field) -> Value:
    return 0 if isinstance(field, Grade) else [] if isinstance(field, Choice) and field.several else ""


def _value(field: Field, region: _Region) -> Value | None:
    """Return what a field says, None where it says nothing; raises BadSample for what was not to be chosen."""
    if isinstance(field, Line):
        said = region.value.get("text") or []
        text = "\n".join([said] if isinstance(said, str) else [str(line) for line in said]).strip()
        return text or None
    if isinstance(field, Grade):
        grade = region.value.get("rating")
        if grade is None or grade == 0:
            return None
        if not isinstance(grade, int) or not 1 <= grade <= field.most:
            raise BadSample(UNKNOWN, f"{field.name}: {grade}")
        return grade
    chosen: list[Item] = [str(one) for one in region.value.get("choices") or []]
    if not set(chosen) <= set(field.options) or (len(chosen) > 1 and not field.several):
        raise BadSample(UNKNOWN, f"{field.name}: {', '.join(map(str, chosen))}")
    if NOT_SURE in chosen:
        return NOT_SURE
    ordered: list[Item] = [one for one in field.options if one in chosen]
    return (ordered if field.several else ordered[0]) if ordered else None
