"""Shots: where a video was cut or faded, by PySceneDetect's detectors, and how many of them saw it.

Three look for cuts, each at something else: the content of neighbouring frames, that against its surroundings, and
perceptual hashes. One looks for fades to black. A boundary stands where enough of the first three agree within a few
frames, or where a fade is: a cut into its black or out of it is the fade's own. Where they disagree a person should
look. Frames come from our own reading, each under its place, so that a boundary is a place of a frame and its time an
integer of the file. Dissolves are hardly seen by any of them: TrainedShots sees them, at many times the cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from annotators.annotator import Annotator, Needs, Subject
from annotators.container import Container, read_container
from annotators.frames import Decoder, Frame, frames_at
from schemas.errors import BadInput, Unavailable
from schemas.note import Note, Noted
from schemas.vocabulary import shots as names

START, CUT, FADE, DISSOLVE = "start", "cut", "fade", "dissolve"
CUT_DETECTORS = ("adaptive", "content", "hash")


class Boundary(Struct, frozen=True):
    """A shot's first frame, how it begins, and the share of the detectors that say so."""

    place: int
    begins: str
    votes: float


class Shots(Annotator, frozen=True):
    """Boundaries closer than `least_s` are one; `agree` of the three detectors of cuts must see one, within so many
    frames of each other. Cuts within `fade_s` of a fade are part of it.

    Votes are among those three; a fade that none of them sees has none. It ends in frames whose mean is below
    `black_level` of 255: what is faded out lies at 0 to 3, and scenes at night at 10 to 12, where PySceneDetect's own
    level of 12 sees fades among them.
    """

    agree: int = 2
    least_s: float = 0.5
    within: int = 3
    fade_s: float = 1.0
    black_level: int = 8
    side_px: int = 256
    decoder: Decoder = "pyav"
    limit_s: float = 3600.0

    writes: ClassVar = (names.SHOT_FIRST_FRAMES, names.SHOT_BEGINS, names.SHOT_VOTES)
    places: ClassVar = (names.SHOT, names.SHOT_VOTE)
    made_with: ClassVar = ("av", "decord", "opencv-python-headless", "scenedetect-headless")
    extra: ClassVar = "video"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    def identity(self) -> Annotator:
        return Shots(self.agree, self.least_s, self.within, self.fade_s, self.black_level, self.side_px, self.decoder)

    def given(self, weights: str) -> Annotator:
        raise BadInput(
            "no trained detector of shots is read",
            where="annotator shots",
            remedy=f"leave {weights} out: PySceneDetect needs none, TransNetV2 (--with trained=true) brings its own",
        )

    def look(self, subject: Subject) -> Noted:
        part, video = subject.video()
        content = subject.content(video)
        container = read_container(content, video.extension)
        every = range(len(container.pts))
        frames = frames_at(content, video.extension, container, every, self.side_px, self.decoder)
        found = self.boundaries(container, frames)
        return noted(found, container, part)

    def boundaries(self, container: Container, frames: Iterable[Frame]) -> list[Boundary]:
        """Return where shots begin, the first at the first frame."""
        seen = self.seen(container, frames)
        return [Boundary(0, START, 1.0), *self.agreed(seen, self.least(container), self.fade(container))]

    def seen(self, container: Container, frames: Iterable[Frame]) -> dict[str, list[int]]:
        """Return the first frames of shots by detector, `fade` among them."""
        return detected(frames, container.rate, self.least(container), self.black_level)

    def least(self, container: Container) -> int:
        """Return `least_s` in frames of a video."""
        return max(1, round(self.least_s * container.rate[0] / container.rate[1]))

    def fade(self, container: Container) -> int:
        """Return `fade_s` in frames of a video."""
        return round(self.fade_s * container.rate[0] / container.rate[1])

    def agreed(self, seen: dict[str, list[int]], least: int, fade: int) -> list[Boundary]:
        """Return the boundaries that stand: each group of near places once, at the place that most of them name."""
        fades = seen["fade"]
        told = sorted((place, which) for which in CUT_DETECTORS for place in seen[which])
        groups: list[list[tuple[int, str]]] = []
        for place, which in told:
            if groups and place - groups[-1][0][0] <= self.within:
                groups[-1].append((place, which))
            else:
                groups.append([(place, which)])
        found = [Boundary(place, FADE, 0.0) for place in fades]
        for group in groups:
            voters = {which for _, which in group}
            places = [place for place, _ in group]
            if len(voters) >= self.agree and all(abs(places[0] - middle) > fade for middle in fades):
                found.append(Boundary(max(places, key=places.count), CUT, round(len(voters) / 3, 6)))
        return _apart(sorted(found, key=lambda one: one.place), least)


def _apart(found: Sequence[Boundary], least: int) -> list[Boundary]:
    """Return boundaries at least so many frames apart, the ones with more votes first."""
    kept: list[Boundary] = []
    for one in sorted(found, key=lambda one: (-one.votes, one.place)):
        if one.place >= least and all(abs(one.place - other.place) >= least for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.place)


def detected(frames: Iterable[Frame], rate: tuple[int, int], least: int, black_level: int) -> dict[str, list[int]]:
    """Return the first frames of shots by detector, `fade` among them; a fade's is the middle of its black."""
    detectors = _detectors(least, black_level)
    timecode, cuts, place = None, dict[str, list[int]]((name, []) for name in detectors), -1
    for place, frame in enumerate(frames):
        timecode = _timecode(place, rate)
        bgr = frame[..., ::-1].copy()
        for name, detector in detectors.items():
            cuts[name] += [cut.frame_num for cut in detector.process_frame(timecode, bgr)]
    for name, detector in detectors.items():
        cuts[name] += [cut.frame_num for cut in detector.post_process(timecode)] if timecode is not None else []
    return {name: sorted({cut for cut in found if 0 < cut <= place}) for name, found in cuts.items()}


def _detectors(least: int, black_level: int) -> dict[str, Any]:
    try:
        from scenedetect.detectors import AdaptiveDetector, ContentDetector, HashDetector, ThresholdDetector
    except ImportError:
        raise Unavailable(
            "shots are found with PySceneDetect, which is not here", remedy="pip install 'ostraka[video]'"
        ) from None
    return {
        "adaptive": AdaptiveDetector(min_scene_len=least),
        "content": ContentDetector(min_scene_len=least),
        "hash": HashDetector(min_scene_len=least),
        "fade": ThresholdDetector(threshold=black_level, min_scene_len=least),
    }


def _timecode(place: int, rate: tuple[int, int]) -> Any:
    from fractions import Fraction

    from scenedetect import FrameTimecode

    return FrameTimecode(place, Fraction(*rate))


def noted(found: Sequence[Boundary], container: Container, part: int) -> Noted:
    """Return boundaries as notes on the whole video and on the spans between them."""
    ends = [*(one.place for one in found[1:]), len(container.pts)]
    places: list[Note] = []
    for one, end in zip(found, ends, strict=True):
        at = container.span(part, one.place, end)
        places += [Note(names.SHOT.name, one.begins, at), Note(names.SHOT_VOTE.name, one.votes, at)]
    return Noted(
        {
            "shot_first_frames": [one.place for one in found],
            "shot_begins": [one.begins for one in found],
            "shot_votes": [one.votes for one in found],
        },
        tuple(places),
    )
