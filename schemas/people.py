"""People's word: what stands at a desk about a sample, with how it came to stand and what models had said.

It says who by a name that only the desk's ledger can turn back into a person's. Over models it comes first wherever it
speaks: that rule is `overruled`, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from msgspec import Struct, json

from schemas.note import At, Note, QuadTrack, TimeSpan, Track, Value, Whole

Place = tuple[int, Fraction, Fraction]
"""A part, and a stretch of its time in seconds."""


ASKED_AS = {"text_track": "scene_text", "text_track_confidence": "scene_text", "text_track_language": "scene_text"}
"""Names of models' notes that people answer under another."""


class Shown(Struct, frozen=True):
    """What a model had noted before people looked: its place is left out."""

    name: str
    value: Value
    by: str


class Word(Struct, frozen=True):
    """What people say of one item: a layer of a sample, or of a place in it.

    `names` are the notes that they were asked about: those that they wrote, and those of models that they were shown.
    A name of `names` of which `notes` holds none was taken away. `how` is agreement, single, review, fix or
    adjudication, `people` wrote it and `by` accepted it. `seq` and `chain` are the number and the digest of the
    ledger's event that accepted it; `reopened` says how far an item is that is being asked about anew.
    """

    desk: str
    item: str
    layer: str
    at: At
    names: tuple[str, ...]
    notes: tuple[Note, ...]
    how: str
    people: tuple[str, ...]
    by: str
    version: str
    config: str
    taxonomy: str
    guideline: str
    round: int
    seq: int
    chain: str
    machine: tuple[Shown, ...] = ()
    agreement: float | None = None
    reopened: str = ""


def words_json(words: Sequence[Word]) -> str:
    """Return words as the JSON that a shelf and an export hold."""
    return json.encode(words).decode()


def words_in(said: str) -> tuple[Word, ...]:
    """Return the words of such a JSON, none where it is empty."""
    return json.decode(said, type=tuple[Word, ...]) if said else ()


def overruled(words: Iterable[Word], name: str, at: At) -> bool:
    """Say whether people have spoken of this name at this place, so that nobody else's note of it counts there.

    An item about a whole sample speaks of all of it; one about a stretch of time speaks of what has its middle there;
    one about another place speaks of that very place.
    """
    asked = {name, ASKED_AS.get(name, name)}
    return any(asked & {*word.names} and _covers(word.at, at) for word in words)


def _covers(item: At, at: At) -> bool:
    if isinstance(item, Whole) or item == at:
        return True
    span, other = stretch(item), stretch(at)
    if span is None or other is None or span[0] != other[0]:
        return False
    return span[1] <= (other[1] + other[2]) / 2 < span[2]


def stretch(at: At) -> Place | None:
    """Return the part and the seconds that a place lasts, exactly; None where it has no time."""
    if isinstance(at, TimeSpan | QuadTrack):
        first, end = at.start_pts, at.end_pts
    elif isinstance(at, Track) and at.boxes:
        first, end = at.boxes[0][0], at.boxes[-1][0]
    else:
        return None
    base = Fraction(*at.time_base)
    return at.part, first * base, end * base
