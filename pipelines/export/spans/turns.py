"""Dialogues about a clip, out of the notes on its parent's spans and of nothing else.

An answer holds what a note says, in the note's own words, and its times; what no note says is not asked. How a question
is worded hangs on the clip's key. Times are seconds from the clip's first frame, to a tenth, as a trainer's timestamps
run from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from fractions import Fraction

from msgspec import Struct, structs

from pipelines.export.spans.spans import place_of
from pipelines.export.spans.wording import (
    ACTIONS_ASKED,
    CAPTION_ASKED,
    FRAMED,
    FRAMING_ASKED,
    GROUNDING_ANSWERED,
    GROUNDING_ASKED,
    MOTION_ASKED,
    MOTION_WHEN_ASKED,
    MOVES,
    SEVERAL_ANSWERED,
    TEXTS_ASKED,
)
from schemas.clip import Clip
from schemas.draw import fraction
from schemas.note import Note, TimeSpan
from schemas.people import stretch
from schemas.sample import Text
from schemas.vocabulary.camera import CAMERA_MOTION, CAMERA_MOTION_CONFIDENCE
from schemas.vocabulary.people import ACTION, ACTION_ACTOR, ACTION_DESCRIPTION, ACTION_OBJECTS
from schemas.vocabulary.scene_text import SCENE_TEXT
from schemas.vocabulary.span_captions import SPAN_CAPTION
from schemas.vocabulary.span_questions import SPAN_ANSWER, SPAN_QUESTION
from schemas.vocabulary.text_tracks import TEXT_TRACK

FORMS = ("captions", "questions", "grounding", "motion", "actions", "texts", "framing")
"""What a dialogue may be about: what happens, what was asked and answered, when something happens, the camera, what is
done by whom, what is written, how the shot is framed."""

LEAST_CONFIDENCE = 0.5
MOST_GROUNDED = 4
_WHOLE_SHARE = Fraction(9, 10)
ILLEGIBLE = "###"
"""What people write where nobody can read it."""

Notes = Mapping[str, Sequence[Note]]


class Told(Struct, frozen=True):
    """What a note says of a stretch of the clip, from `start_s` to `end_s` seconds after its first frame."""

    said: str
    start_s: Fraction
    end_s: Fraction
    note: Note


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
            "actions": self._actions,
            "texts": self._texts,
            "framing": self._framing,
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

    def _actions(self) -> Iterator[tuple[str, str]]:
        """Ask what is done, by whom and when; of one action alone no time where it takes all of the clip."""
        told = [structs.replace(one, said=self._action_told(one)) for one in self._within(ACTION.name)]
        if not told:
            return
        alone = len(told) == 1 and self._is_whole(told[0])
        times = ["" if alone else f"From {_tenths(one.start_s)} s to {_tenths(one.end_s)} s: " for one in told]
        answered = "\n".join(f"{time}{one.said}" for time, one in zip(times, told, strict=True))
        yield self._worded(ACTIONS_ASKED, "actions"), answered

    def _action_told(self, one: Told) -> str:
        """Return what is done in the words of who described it, else by its verb with who does it and to what."""
        if described := self._beside(one.note, ACTION_DESCRIPTION.name):
            return described
        actor, objects = (self._beside(one.note, name.name) for name in (ACTION_ACTOR, ACTION_OBJECTS))
        return ", ".join(filter(None, (actor, plain(one.said), objects))) + "."

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Ask what is written: letter by letter, in the order of time, each once, nothing that nobody could read."""
        told = sorted([*self._within(SCENE_TEXT.name), *self._within(TEXT_TRACK.name)], key=lambda one: one.start_s)
        said = [one for one in dict.fromkeys(one.said for one in told) if one != ILLEGIBLE]
        if said:
            yield self._worded(TEXTS_ASKED, "texts"), "\n".join(said)

    def _framing(self) -> Iterator[tuple[str, str]]:
        """Ask how the very shot is framed, of what was said of it."""
        told = []
        for name, called in FRAMED:
            values = [one.value for one in self.notes.get(name, ()) if self._is_it(one)][:1]
            said = [value for one in values for value in (one if isinstance(one, list) else [one]) if value]
            told += [f"{called}: {', '.join(plain(str(one)) for one in said)}"] if said else []
        if told:
            yield self._worded(FRAMING_ASKED, "framing"), "; ".join(told).capitalize() + "."

    def _beside(self, note: Note, name: str) -> str:
        """Return what a note's author says under another name at the same place; of several notes there, in order."""
        here = [one for one in self.notes.get(note.name, ()) if (one.by, one.at) == (note.by, note.at)]
        there = [one for one in self.notes.get(name, ()) if (one.by, one.at) == (note.by, note.at)]
        return _text(there[here.index(note)]) if len(here) == len(there) else ""

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
            place = stretch(note.at)
            if not text or place is None or (note.by, place) in but:
                continue
            other, first_s, last_s = place
            inside = min(last_s, end_s) - max(first_s, start_s)
            if other == part and last_s > first_s and inside >= (last_s - first_s) * _WHOLE_SHARE:
                found.append(Told(text, max(first_s, start_s) - start_s, min(last_s, end_s) - start_s, note))
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


def plain(label: str) -> str:
    """Return a label in words."""
    return label.replace("_", " ")


def _tenths(seconds: Fraction) -> str:
    return f"{float(seconds):.1f}"


def _listed(said: Sequence[str]) -> str:
    return ", then ".join(said)
