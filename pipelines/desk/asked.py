"""What people are asked about: a sample, or spans of it, routed by how unsure the models are.

Without a signal all are asked about. With some, what is unsure by more than the threshold goes to people, and with it
a fixed share of the rest: from that audit alone is known how often what was accepted by itself is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Struct

from annotators.desk.item import Item, Notes
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.routing import Route, Way, unsure
from pipelines.desk.samples import Candidate
from schemas.errors import BadInput
from schemas.note import At, Note, TimeSpan, Whole
from schemas.sample import Video

MICRO = 1_000_000


class Signals(Struct, frozen=True):
    """Names of notes that say how unsure the models are, and of those that say how sure; each in [0, 1]."""

    unsure: tuple[str, ...] = ()
    sure: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.unsure, *self.sure)


class Line(Struct, frozen=True):
    """A line of a list of what is asked about: a sample's key, seconds of its clip, and a gold item's answer."""

    sample: str
    start_s: float | None = None
    end_s: float | None = None
    notes: tuple[Note, ...] = ()


def read_lines(path: str) -> list[Line]:
    """Read a list: a line is a key, a key with two times in seconds, or a JSON object of the same and `notes`."""
    try:
        with open(path, encoding="utf-8") as file:
            return [_line(line, f"{path}:{number}") for number, line in enumerate(file, 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the list cannot be read ({error})", where=path, remedy="give a list of keys") from None


def _line(text: str, where: str) -> Line:
    try:
        if text.lstrip().startswith("{"):
            found = msgspec.json.decode(text, type=Line)
        else:
            key, *times = text.split()
            start_s, end_s = map(float, times) if times else (None, None)
            found = Line(key, start_s, end_s)
        if (found.start_s is None) != (found.end_s is None):
            raise ValueError("two times, or none")
        return msgspec.structs.replace(found, sample=found.sample.replace("-", "").lower())
    except (ValueError, TypeError, msgspec.DecodeError) as error:
        remedy = "write KEY, KEY START_S END_S, or a JSON object with sample, start_s, end_s, notes"
        raise BadInput(f"this is none: {error}", where=where, remedy=remedy) from None


def places_asked(candidate: Candidate, spans: str, lines: Sequence[Line]) -> Iterator[tuple[At, Notes]]:
    """Yield where in a sample people are asked, with the answer where it is known: a line's span, or each note of a
    name, or the whole."""
    video = next((place for place, part in enumerate(candidate.sample.parts) if isinstance(part, Video)), None)
    if lines:
        for line in lines:
            if line.start_s is None or line.end_s is None:
                yield Whole(), line.notes
            elif video is None or line.end_s <= line.start_s:
                raise BadInput("a span wants a clip, and ends after it begins", where=f"sample {line.sample}")
            else:
                start, end = round(line.start_s * MICRO), round(line.end_s * MICRO)
                yield TimeSpan(video, start, end, (1, MICRO)), line.notes
    elif spans:
        for note in candidate.places:
            if note.name == spans and isinstance(note.at, TimeSpan):
                yield note.at, ()
    else:
        yield Whole(), ()


def item_of(
    candidate: Candidate,
    sheet: Sheet,
    at: At,
    kind: Literal["work", "gold", "exam"],
    priority: int,
    answer: Notes,
) -> Item:
    """Return the item of a sheet on a place of a sample; of the same it is the same.

    A gold item shows what models noted like any other, or it would be known by that; where that is wrong, it tells how
    often people repeat a mistake.
    """
    place = msgspec.json.encode(at, order="deterministic").decode()
    name = sha256("\0".join((kind, sheet.name, candidate.sample.key, place)).encode()).hexdigest()[:16]
    machine = machine_notes(candidate, sheet, at)
    return Item(name, sheet.name, candidate.sample.key, at, kind, "asked", priority, machine, tuple(answer))


def machine_notes(candidate: Candidate, sheet: Sheet, at: At) -> Notes:
    """Return what models noted of all that the sheet asks, inside the place that people are asked about."""
    whole = [
        Note(name, value, Whole(), who)
        for name, (value, who) in candidate.values.items()
        if name in sheet.writes and value not in ("", [], None)
    ]
    inside = [note for note in candidate.places if note.name in sheet.writes and _inside(note.at, at)]
    return (*whole, *inside)


def _inside(note: At, at: At) -> bool:
    if not isinstance(at, TimeSpan):
        return True
    if not isinstance(note, TimeSpan) or note.part != at.part:
        return False
    return _seconds(note)[0] >= _seconds(at)[0] - 1e-6 and _seconds(note)[1] <= _seconds(at)[1] + 1e-6


def _seconds(span: TimeSpan) -> tuple[float, float]:
    scale = span.time_base[0] / span.time_base[1]
    return span.start_pts * scale, span.end_pts * scale


def way_of(candidate: Candidate, item: str, signals: Signals, route: Route) -> Way | Literal["asked"]:
    """Return where an item goes: to people, accepted by itself, or, without a signal, to people because it is asked."""
    if not signals.names:
        return "asked"
    said = {name: max(_numbers(candidate, name), default=1.0) for name in signals.unsure}
    said |= {name: 1 - min(_numbers(candidate, name), default=0.0) for name in signals.sure}
    return route.way(item, unsure(said))


def _numbers(candidate: Candidate, name: str) -> list[float]:
    found: list[Any] = [note.value for note in candidate.places if note.name == name]
    if name in candidate.values:
        value = candidate.values[name][0]
        found += value if isinstance(value, list) else [value]
    return [float(one) for one in found if isinstance(one, int | float)]
