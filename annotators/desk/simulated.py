"""Simulated people: what they would say of an item whose truth is supposed, by a stated confusion.

The truth of an item is what models noted, wrong as often as is stated; of an item on which they noted nothing it is
drawn from the sheet. Whoever errs says another option, the one that is stated or any; marks a span late or early, under
another label, or not at all. All draws are keyed by item and person: a rehearsal that is repeated says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, structs

from annotators.desk.draw import fraction
from annotators.desk.item import Item, Notes
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Field, Grade, Line, Sheet, Spans, Tracks
from schemas.note import At, Note, TimeSpan, Track, Value

ClipOf = Callable[[Item], Clip | None]
"""The clip that people see of an item, None where they see none."""


class Skill(Struct, frozen=True):
    """How a person fares: how often right, how far ends of spans are off, which labels are taken for which.

    A label that stands in `confusion` is said as often as that has it for the labels, and what is missing of 1 of any
    other; labels that do not stand there go by `right`.
    """

    right: float = 0.85
    off_frames: int = 3
    confusion: dict[str, dict[str, float]] = {}


class Draw:
    """Numbers in [0, 1) that hang on keys and on how many were drawn before."""

    def __init__(self, *keys: str) -> None:
        self._keys, self._drawn = keys, 0

    def __call__(self) -> float:
        self._drawn += 1
        return fraction("rehearsal", *self._keys, str(self._drawn))

    def of(self, options: Sequence[str]) -> str:
        return options[int(self() * len(options))]


def supposed(sheet: Sheet, item: Item, clip: Clip | None, wrong: float, draw: Draw) -> Notes:
    """Return what is supposed to be true of an item whose models are `wrong` so often."""
    if item.answer:
        return item.answer
    mine = [note for note in item.machine if note.name in sheet.writes]
    if mine:
        plain = tuple(structs.replace(note, by="") for note in mine)
        return answered(sheet, plain, clip, Skill(1 - wrong, 8), draw)
    return tuple(_drawn(sheet, clip, draw))


def answered(sheet: Sheet, truth: Notes, clip: Clip | None, skill: Skill, draw: Draw) -> Notes:
    """Return what somebody of this skill says of an item; who would miss all that there is calls it something."""
    return _answered(sheet, truth, clip, skill, draw, misses=0.5) or _answered(
        sheet, truth, clip, skill, draw, misses=0
    )


def _answered(sheet: Sheet, truth: Notes, clip: Clip | None, skill: Skill, draw: Draw, misses: float) -> Notes:
    found = list[Note]()
    for one in sheet.asked:
        mine = [note for note in truth if note.name == one.name]
        if isinstance(one, Spans | Tracks):
            for note in mine:
                found += _place(one, note, truth, clip, skill, draw, misses)
        else:
            found += [structs.replace(note, value=_field(one, note.value, skill, draw)) for note in mine]
    return tuple(found)


def _place(
    asked: Spans | Tracks, note: Note, truth: Notes, clip: Clip | None, skill: Skill, draw: Draw, misses: float
) -> Iterator[Note]:
    """Yield a place with what is said of it; a mistake is to miss it, so often, or its label."""
    label = str(note.value)
    said = _label(asked.labels, label, skill, draw)
    if said != label and label not in skill.confusion and draw() < misses:
        return
    at = _moved(note.at, clip, skill.off_frames, draw)
    yield Note(asked.name, said, at)
    for field in asked.fields:
        for other in (one for one in truth if one.name == field.name and one.at == note.at):
            yield Note(field.name, _field(field, other.value, skill, draw), at)


def _label(labels: Sequence[str], true: str, skill: Skill, draw: Draw) -> str:
    """Return the label that is said for a true one."""
    known, at = skill.confusion.get(true, {true: skill.right}), draw()
    for label, share in known.items():
        if at < share and label in labels:
            return label
        at -= share
    others = [label for label in labels if label not in known and label != true]
    return draw.of(others) if others else true


def _field(field: Field, value: Value, skill: Skill, draw: Draw) -> Value:
    if isinstance(field, Choice):
        options = [one for one in field.options if one != NOT_SURE]
        if isinstance(value, list):
            said = [_label(options, str(one), skill, draw) for one in value]
            return list(dict.fromkeys(said))
        return _label(options, str(value), skill, draw)
    if isinstance(field, Grade):
        if draw() < skill.right:
            return value
        grade = int(float(str(value))) + (1 if draw() < 0.5 else -1)
        return min(max(grade, 1), field.most)
    return value if draw() < skill.right else f"{value}?"


def _moved(at: At, clip: Clip | None, off_frames: int, draw: Draw) -> At:
    """Return a span whose ends are each off by up to so many frames; a track is taken as it is."""
    if not isinstance(at, TimeSpan) or clip is None:
        return at
    first, end = clip.map.places(at)
    moved = [place + round((2 * draw() - 1) * off_frames) for place in (first, end)]
    first = min(max(moved[0], 0), clip.map.frames - 2)
    return clip.map.span(at.part, max(first, 0), min(max(moved[1], first + 2), clip.map.frames))


def _drawn(sheet: Sheet, clip: Clip | None, draw: Draw) -> Iterator[Note]:
    """Yield a truth that is drawn: an answer to every question, a place of each kind in the middle of a clip."""
    for one in sheet.asked:
        if isinstance(one, Spans | Tracks):
            if clip is not None:
                yield from _drawn_place(one, clip, draw)
        else:
            yield Note(one.name, _drawn_value(one, draw))


def _drawn_place(asked: Spans | Tracks, clip: Clip, draw: Draw) -> Iterator[Note]:
    first = int(draw() * clip.map.frames / 3)
    end = clip.map.frames - int(draw() * clip.map.frames / 3)
    if end - first < 2:
        return
    at: At = clip.map.span(clip.part, first, end)
    if isinstance(asked, Tracks):
        wide, high = clip.map.width_px, clip.map.height_px
        box = (0.3 * wide, 0.4 * high, 0.6 * wide, 0.5 * high)
        pts = [clip.map.pts[place] for place in sorted({first, end - 1})]
        at = Track(clip.part, clip.map.time_base, tuple((one, *box) for one in pts))
    yield Note(asked.name, draw.of(asked.labels), at)
    for field in asked.fields:
        yield Note(field.name, _drawn_value(field, draw), at)


def _drawn_value(field: Field, draw: Draw) -> Value:
    if isinstance(field, Line):
        return f"words {int(draw() * 1000)}"
    if isinstance(field, Grade):
        return 1 + int(draw() * field.most)
    chosen = draw.of([one for one in field.options if one != NOT_SURE])
    return [chosen] if field.several else chosen
