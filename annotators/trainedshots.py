"""TrainedShots: shots by PySceneDetect and by TransNetV2 together, dissolves and the time that fades take among them.

The two look at the same frames in one pass. What TransNetV2 calls a transition is a boundary, and so is what
PySceneDetect's detectors agree on; each says who saw it. Where one of them did not, a person should look: the share of
such boundaries is noted of the whole video, as how far the two disagree. It writes what Shots writes, so that whoever
reads shots reads these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from msgspec import Struct, structs

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.container import Container, read_container
from annotators.frames import frames_at
from annotators.shots import CUT, DISSOLVE, FADE, START, Boundary, Shots, noted
from annotators.transnet import LONGEST_CUT, MADE_WITH, Transition, TransNet, weights_digest
from schemas.errors import BadSample
from schemas.note import Note, Noted
from schemas.vocabulary import shots as names

BOTH, RULES, TRAINED = "both", "pyscenedetect", "transnetv2"


class Seen(Struct, frozen=True):
    """A boundary, who saw it, and the frames that it takes, none for a cut or where only a place is known."""

    boundary: Boundary
    by: str
    takes: tuple[int, int] | None = None

    @property
    def first(self) -> int:
        """The first frame that it takes."""
        return self.takes[0] if self.takes else self.boundary.place

    @property
    def end(self) -> int:
        """The first frame behind it."""
        return self.takes[1] if self.takes else self.boundary.place


class TrainedShots(Annotator, frozen=True):
    """Frames are in a transition where TransNetV2 is surer than `inside`; its transitions so few frames apart as
    `apart` are one. `rules` are PySceneDetect's part, as the annotator Shots does it."""

    inside: float = 0.3
    apart: int = 4
    rules: Shots = Shots()
    limit_s: float = 7200.0

    writes: ClassVar = (*Shots.writes, names.SHOTS_SEEN_BY, names.SHOT_DISAGREEMENT)
    places: ClassVar = (*Shots.places, names.SHOT_SEEN_BY, names.TRANSITION)
    made_with: ClassVar = (*Shots.made_with, *MADE_WITH)
    extra: ClassVar = "video-shots"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    def identity(self) -> Annotator:
        return structs.replace(self, rules=self.rules.identity(), limit_s=TrainedShots().limit_s)

    def weights(self) -> tuple[str, ...]:
        return (weights_digest(),)

    @contextmanager
    def open(self) -> Iterator[Look]:
        net = TransNet()
        yield lambda subjects: [self._one(net, subject) for subject in subjects]

    def _one(self, net: TransNet, subject: Subject) -> Noted | BadSample:
        try:
            part, video = subject.video()
            content = subject.content(video)
            container, watch, rules = read_container(content, video.extension), net.watch(), self.rules
            every = range(len(container.pts))
            frames = frames_at(content, video.extension, container, every, rules.side_px, rules.decoder)
            seen = rules.seen(container, watch.passing(frames))
        except BadSample as bad:
            return bad
        found = self.together(container, seen, watch.transitions(self.inside, self.apart), watch.dark)
        return _noted(found, container, part)

    def together(
        self, container: Container, seen: dict[str, list[int]], trained: Sequence[Transition], dark: Sequence[bool]
    ) -> list[Seen]:
        """Return the boundaries of both, in order, the start of the video first.

        Black before the first shot and behind the last is theirs.
        """
        least, fade = self.rules.least(container), self.rules.fade(container)
        found = list[Seen]()
        left = list(trained)
        for one in self.rules.agreed(seen, least, fade):
            mine = (
                _of_fade(one.place, left, fade) if one.begins == FADE else _of_cut(one.place, left, self.rules.within)
            )
            left = [other for other in left if other not in mine]
            takes = (mine[0].first, mine[-1].end) if mine else None
            found.append(Seen(_named(one, takes), BOTH if mine else RULES, takes))
        for other in left:
            begins = CUT if other.end - other.first <= LONGEST_CUT else DISSOLVE
            begins = FADE if begins == DISSOLVE and any(dark[max(0, other.first - 1) : other.end + 1]) else begins
            found.append(Seen(Boundary(other.place, begins, 0.0), TRAINED, (other.first, other.end)))
        between = [one for one in found if not all(dark[: one.first]) and not all(dark[one.end :])]
        return [Seen(Boundary(0, START, 1.0), BOTH), *_apart(between, least)]


def _of_cut(place: int, transitions: Sequence[Transition], within: int) -> list[Transition]:
    return [one for one in transitions if one.first - within <= place <= one.end + within]


def _of_fade(place: int, transitions: Sequence[Transition], near: int) -> list[Transition]:
    """Return what goes over the middle of a fade's black, else what goes into the black and out of it."""
    over = [one for one in transitions if one.first <= place <= one.end]
    into = [one for one in transitions if place - near <= one.end < place]
    out = [one for one in transitions if place < one.first <= place + near]
    return over or [*into[-1:], *out[:1]]


def _named(one: Boundary, takes: tuple[int, int] | None) -> Boundary:
    """Return a boundary of the rules, a cut as the dissolve that it is where it takes so long."""
    if one.begins != CUT or takes is None or takes[1] - takes[0] <= LONGEST_CUT:
        return one
    return Boundary((takes[0] + takes[1] + 1) // 2, DISSOLVE, one.votes)


def _apart(found: Sequence[Seen], least: int) -> list[Seen]:
    """Return boundaries at least so many frames apart, first those that both saw, then those with more votes."""
    kept = list[Seen]()
    for one in sorted(found, key=lambda one: (one.by != BOTH, -one.boundary.votes, one.boundary.place)):
        place = one.boundary.place
        if place >= least and all(abs(place - other.boundary.place) >= least for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.boundary.place)


def _noted(found: Sequence[Seen], container: Container, part: int) -> Noted:
    shots = noted([one.boundary for one in found], container, part)
    ends = [*(one.boundary.place for one in found[1:]), len(container.pts)]
    places = list(shots.places)
    for one, end in zip(found, ends, strict=True):
        places.append(Note(names.SHOT_SEEN_BY.name, one.by, container.span(part, one.boundary.place, end)))
        if one.takes and one.boundary.begins != CUT:
            places.append(Note(names.TRANSITION.name, one.boundary.begins, container.span(part, *one.takes)))
    alone = sum(one.by != BOTH for one in found[1:])
    values = dict(shots.values)
    values["shots_seen_by"] = [one.by for one in found]
    values["shot_disagreement"] = round(alone / max(1, len(found) - 1), 6)
    return Noted(values, tuple(places))
