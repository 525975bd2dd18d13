"""Spans: which stretches of a video become samples, by the notes that stand on them, and which stay out and why.

Of what several say under one name about a sample, one word stands: people's wherever they were asked, then what the
source knew, then the recipe's annotators in their order. So a shot that a person or a drawing states is not cut once
more where a detector saw it, and a move of the camera that people took away is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec
from msgspec import Struct, structs

from pipelines.query.places import places_of
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.people import Words
from pipelines.shelf.shelf import Shelf
from schemas.note import Note, TimeSpan
from schemas.people import Word, overruled, stretch
from schemas.sample import Sample, Video
from schemas.vocabulary.shots import SHOT
from schemas.vocabulary.span_captions import SPAN_CAPTION

VIDEOS = "videos"
"""In place of a note's name: every video as a whole, its bytes as they are."""

NAMED = {"shots": SHOT.name, "captions": SPAN_CAPTION.name}
"""Names that are easier to say than the notes'."""

TOO_SHORT, TOO_LONG, NO_VIDEO_THERE, PART_LEFT_OUT = "too_short", "too_long", "no_video_there", "part_left_out"
_decode_notes = msgspec.json.Decoder(list[Note])


class Wanted(Struct, frozen=True):
    """Which spans: those of notes of these names, from `least_s` to `most_s` seconds long (0: of any length)."""

    names: tuple[str, ...]
    least_s: float = 0.5
    most_s: float = 0.0


class Chosen(Struct, frozen=True):
    """A span that a sample is to be made of; `whole`: the video as it is, whose times are not known here."""

    part: int
    at: TimeSpan | None
    names: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return self.at is None


class Refused(Struct, frozen=True):
    """A span that stays out."""

    reason: str
    at: TimeSpan


def notes_on_spans(
    shelf: Shelf, annotator_ids: Sequence[str], shard: str, words: Words
) -> dict[int, dict[str, list[Note]]]:
    """Return the standing notes on spans of time and tracks of each row, by name, in the order in which they were said,
    each with who said it; `words` are people's of the same shard."""
    order = (SOURCE_NOTES, *annotator_ids)
    others = places_of(shelf, order, shard)
    return {row: _standing(others.get(row, []), words.get(row, ()), order) for row in {**others, **words}}


def _standing(others: Sequence[tuple[str, str]], words: Sequence[Word], order: Sequence[str]) -> dict[str, list[Note]]:
    """Return what stands of one row: people's notes, and of the first of the others what people did not speak of."""
    by: dict[str, dict[str, list[Note]]] = {}
    for who, said in others:
        for note in _decode_notes.decode(said):
            if stretch(note.at):
                by.setdefault(note.name, {}).setdefault(who, []).append(structs.replace(note, by=note.by or who))
    found: dict[str, list[Note]] = {}
    for at, word in enumerate(words):
        for note in word.notes:
            if stretch(note.at) and not overruled(words[:at], note.name, note.at):
                found.setdefault(note.name, []).append(note)
    for name, said_by in by.items():
        first = said_by[min(said_by, key=order.index)]
        if left := [note for note in first if not overruled(words, name, note.at)]:
            found.setdefault(name, []).extend(left)
    return found


def chosen(
    sample: Sample, gone: Sequence[int], said: Mapping[str, Sequence[Note]], wanted: Wanted
) -> list[Chosen | Refused]:
    """Return the spans of a sample by part and time, one for all notes that name the same."""
    found: dict[tuple[int, Fraction, Fraction], tuple[TimeSpan, list[str]]] = {}
    for name in (one for one in wanted.names if one != VIDEOS):
        for note in said.get(name, ()):
            if isinstance(note.at, TimeSpan):
                _, names = found.setdefault(place_of(note.at), (note.at, []))
                names += [] if name in names else [name]
    spans: list[Chosen | Refused] = []
    if VIDEOS in wanted.names:
        spans += [
            Chosen(place, None, (VIDEOS,))
            for place, part in sample.media()
            if isinstance(part, Video) and place not in gone
        ]
    for key in sorted(found):
        at, names = found[key]
        why = _refused(sample, gone, key, wanted)
        spans.append(Refused(why, at) if why else Chosen(at.part, at, tuple(names)))
    return spans


def _refused(sample: Sample, gone: Sequence[int], place: tuple[int, Fraction, Fraction], wanted: Wanted) -> str:
    part, start_s, end_s = place
    if part >= len(sample.parts) or not isinstance(sample.parts[part], Video):
        return NO_VIDEO_THERE
    if part in gone:
        return PART_LEFT_OUT
    if end_s - start_s < Fraction(wanted.least_s):
        return TOO_SHORT
    return TOO_LONG if wanted.most_s and end_s - start_s > Fraction(wanted.most_s) else ""


def place_of(at: TimeSpan) -> tuple[int, Fraction, Fraction]:
    """Return a span's part, start and end in seconds, exactly: the same for whatever unit it was written in."""
    base = Fraction(*at.time_base)
    return at.part, at.start_pts * base, at.end_pts * base
