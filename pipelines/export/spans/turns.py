"""Dialogues about a clip, out of the notes on its parent's spans and of nothing else.

An answer holds what a note says, in the note's own words, and its times; what no note says is not asked. How a question
is worded hangs on the clip's key. Times are seconds from the clip's first frame, to a tenth, as a trainer's timestamps
run from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from fractions import Fraction

from msgspec import Struct

from pipelines.export.spans.spans import place_of
from pipelines.export.spans.wording import (
    CAPTION_ASKED,
    GROUNDING_ANSWERED,
    GROUNDING_ASKED,
    MOTION_ASKED,
    MOTION_WHEN_ASKED,
    MOVES,
    SEVERAL_ANSWERED,
)
from schemas.clip import Clip
from schemas.draw import fraction
from schemas.note import Note, TimeSpan
from schemas.sample import Text
from schemas.vocabulary import CAMERA_MOTION, CAMERA_MOTION_CONFIDENCE, SPAN_ANSWER, SPAN_CAPTION, SPAN_QUESTION

FORMS = ("captions", "questions", "grounding", "motion")
"""What a dialogue may be about: what happens, what was asked and answered, when something happens, the camera."""

LEAST_CONFIDENCE = 0.5
MOST_GROUNDED = 4
_WHOLE_SHARE = Fraction(9, 10)

Notes = Mapping[str, Sequence[Note]]


class Told(Struct, frozen=True):
    """What a note says of a stretch of the clip, from `start_s` to `end_s` seconds after its first frame."""

    said: str
    start_s: Fraction
    end_s: Fraction


class Dialogue(Struct, frozen=True):
    """A clip of a key whose parent bears notes, `chosen` where they name it: its dialogue is drawn up form by form."""

    key: str
    clip: Clip
    chosen: TimeSpan | None
    notes: Notes

    def captions_of_it(self) -> list[str]:
        """Return what notes on the very span that was chosen say that it shows."""
        return [text for note in self.notes.get(SPAN_CAPTION.name, ()) if self._is_it(note) and (text := _text(note))]

    def turns(self, forms: Sequence[str]) -> tuple[Text, ...]:
        """Return questions and answers in turn, in the order of FORMS; nothing where no note says anything."""
        made: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
            "captions": self._captions,
            "questions": self._questions,
            "grounding": self._grounding,
            "motion": self._motion,
        }
        found = [pair for form in FORMS if form in forms for pair in made[form]()]
        return tuple(text for asked, told in found for text in (Text(asked, "user"), Text(told, "assistant")))

    def _captions(self) -> Iterator[tuple[str, str]]:
        for caption in self.captions_of_it()[:1]:
            yield self._worded(CAPTION_ASKED, "caption"), caption

    def _questions(self) -> Iterator[tuple[str, str]]:
        asked, told = (
            [text for note in self.notes.get(name.name, ()) if self._is_it(note) and (text := _text(note))]
            for name in (SPAN_QUESTION, SPAN_ANSWER)
        )
        yield from zip(asked, told, strict=True) if len(asked) == len(told) else ()

    def _grounding(self) -> Iterator[tuple[str, str]]:
        """Ask when what a caption says happens: only of captions of a stretch within the clip, and said there once."""
        told = [one for one in self._within(SPAN_CAPTION.name) if not self._is_whole(one)]
        times = Counter(one.said for one in told)
        for one in [one for one in told if times[one.said] == 1][:MOST_GROUNDED]:
            asked = self._worded(GROUNDING_ASKED, f"grounding/{one.said}").format(what=one.said.rstrip(". "))
            answered = self._worded(GROUNDING_ANSWERED, f"grounded/{one.said}")
            yield asked, answered.format(start=_tenths(one.start_s), end=_tenths(one.end_s))

    def _motion(self) -> Iterator[tuple[str, str]]:
        """Ask what the camera does, and when it does one thing, drawn of those that it does once."""
        moves = [one for one in self._sure_moves() if one.said in MOVES]
        if not moves:
            return
        yield self._worded(MOTION_ASKED, "motion"), self._moves_told(moves)
        times = Counter(one.said for one in moves)
        once = [one for one in moves if times[one.said] == 1 and not self._is_whole(one)]
        drawn = int(fraction(self.key, "motion drawn") * len(once))
        for one in once[drawn : drawn + 1] if len(moves) > 1 else ():
            asked = self._worded(MOTION_WHEN_ASKED, "motion when").format(does=MOVES[one.said].asked)
            answered = self._worded(GROUNDING_ANSWERED, "motion grounded")
            yield asked, answered.format(start=_tenths(one.start_s), end=_tenths(one.end_s))

    def _moves_told(self, moves: Sequence[Told]) -> str:
        if all(self._is_whole(one) for one in moves):
            return f"The camera {_listed([MOVES[one.said].told for one in moves])}."
        each = [f"{MOVES[one.said].told} from {_tenths(one.start_s)} s to {_tenths(one.end_s)} s" for one in moves]
        return SEVERAL_ANSWERED.format(moves=_listed(each))

    def _sure_moves(self) -> list[Told]:
        """Return the moves whose confidence, where who noted them noted one on the same span, is enough."""
        unsure = {
            (note.by, place_of(note.at))
            for note in self.notes.get(CAMERA_MOTION_CONFIDENCE.name, ())
            if isinstance(note.at, TimeSpan) and isinstance(note.value, float) and note.value < LEAST_CONFIDENCE
        }
        return self._within(CAMERA_MOTION.name, unsure)

    def _within(self, name: str, but: Set[tuple[str, tuple[int, Fraction, Fraction]]] = frozenset()) -> list[Told]:
        """Return what notes say of stretches of the clip, in the order of time. What reaches beyond it by more than a
        tenth of its own length is not of this clip, and what reaches a little beyond is cut."""
        part, start_s, end_s = self._place
        found = []
        for note in self.notes.get(name, ()):
            text = _text(note)
            if not text or not isinstance(note.at, TimeSpan) or (note.by, place_of(note.at)) in but:
                continue
            other, first_s, last_s = place_of(note.at)
            inside = min(last_s, end_s) - max(first_s, start_s)
            if other == part and last_s > first_s and inside >= (last_s - first_s) * _WHOLE_SHARE:
                found.append(Told(text, max(first_s, start_s) - start_s, min(last_s, end_s) - start_s))
        return sorted(found, key=lambda one: (one.start_s, one.end_s))

    @property
    def _place(self) -> tuple[int, Fraction, Fraction]:
        return place_of(self.clip.at)

    def _is_whole(self, told: Told) -> bool:
        _, start_s, end_s = self._place
        return told.end_s - told.start_s >= (end_s - start_s) * _WHOLE_SHARE

    def _is_it(self, note: Note) -> bool:
        return self.chosen is not None and isinstance(note.at, TimeSpan) and place_of(note.at) == place_of(self.chosen)

    def _worded(self, wordings: Sequence[str], about: str) -> str:
        return wordings[int(fraction(self.key, f"wording/{about}") * len(wordings))]


def _text(note: Note) -> str:
    return note.value.strip() if isinstance(note.value, str) else ""


def _tenths(seconds: Fraction) -> str:
    return f"{float(seconds):.1f}"


def _listed(said: Sequence[str]) -> str:
    return ", then ".join(said)
