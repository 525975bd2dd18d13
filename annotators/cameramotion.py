"""CameraMotion: pans, tilts, rolls, zooms, shaking and rest of the camera, from how the whole picture moves.

Within each shot a dozen pairs of frames a second are compared. What is smooth over half a second is a move where it is
faster than a threshold; what is left jitters, and is shaking where it is large. A distant scene looks the same to a
camera that turns and to one that is carried, to one that zooms and to one that comes nearer: pan stands for pan or
truck, tilt for tilt or pedestal, zoom for zoom or dolly, and a person or a model that knows the scene tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.annotator import Annotator, Needs, Subject
from annotators.container import Container, read_container
from annotators.frames import Decoder, Frame, frames_at
from annotators.global_motion import GlobalMotion, global_motion
from annotators.spans import runs
from schemas.camera import SHAKE, STATIC
from schemas.note import Note, Noted
from schemas.vocabulary import camera as names
from schemas.vocabulary.shots import SHOT_FIRST_FRAMES

_SMOOTH_S = 0.5
_AXES = 4


_NAMES = (
    ("pan_right", "pan_left"),
    ("tilt_down", "tilt_up"),
    ("zoom_out", "zoom_in"),
    ("roll_clockwise", "roll_counterclockwise"),
)
"""By axis, what the camera does where the picture goes left or right, up or down, smaller or larger, turns
counter-clockwise or clockwise."""


class Seen(Struct, frozen=True):
    """What the camera does in the frames [first, end), how sure that is, and how fast it goes."""

    motion: str
    first: int
    end: int
    confidence: float
    speed: float


class CameraMotion(Annotator, frozen=True):
    """Moves slower than the thresholds are rest: widths a second of pan and tilt, e-folds of zoom, radians of roll.

    A pan bends the picture, which looks like a zoom and a roll where corners lie on one side: those are moves only
    where they are faster than `keystone` of how fast the picture goes.

    `shake`: jitter about the smooth path, in widths, from which on a camera shakes. Where it does, a hand sways to and
    fro: a move that goes less far than `sways` (widths, e-folds or radians) is part of that. Moves and rest last
    `least_s` or are not noted.
    """

    pan: float = 0.04
    zoom: float = 0.03
    roll: float = 0.03
    keystone: float = 0.2
    shake: float = 0.005
    sways: float = 0.1
    least_s: float = 0.4
    pairs_per_s: float = 12.0
    side_px: int = 320
    decoder: Decoder = "pyav"
    limit_s: float = 3600.0

    reads: ClassVar = (SHOT_FIRST_FRAMES.name,)
    writes: ClassVar = (
        names.CAMERA_MOTIONS,
        names.CAMERA_MOTION_SHARES,
        names.CAMERA_SHAKE,
        names.CAMERA_SEEN_SHARE,
    )
    places: ClassVar = (names.CAMERA_MOTION, names.CAMERA_MOTION_CONFIDENCE, names.CAMERA_SPEED)
    made_with: ClassVar = ("av", "decord", "numpy", "opencv-python-headless")
    extra: ClassVar = "video"
    version: ClassVar = 2

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    def identity(self) -> Annotator:
        fields = ("pan", "zoom", "roll", "keystone", "shake", "sways", "least_s", "pairs_per_s", "side_px", "decoder")
        return CameraMotion(**{name: getattr(self, name) for name in fields})

    def look(self, subject: Subject) -> Noted:
        part, video = subject.video()
        content = subject.content(video)
        container = read_container(content, video.extension)
        shots = [int(first) for first in subject.notes[SHOT_FIRST_FRAMES.name]]
        places = self._places(container, shots)
        every = [place for shot in places for place in shot]
        frames = frames_at(content, video.extension, container, every, self.side_px, self.decoder)
        paths = [_path(frames, shot) for shot in places]
        ends = [*shots[1:], len(container.pts)]
        found, shaken, told_s = list[Seen](), list[float](), 0.0
        for shot, path, end in zip(places, paths, ends, strict=True):
            moved = Path.of(container, shot, path, end)
            told_s += moved.told_s
            found += self._seen(moved)
            shaken.append(moved.jitter)
        return self._noted(container, part, found, max(shaken), told_s)

    def _places(self, container: Container, shots: Sequence[int]) -> list[list[int]]:
        """Return the frames that are compared, shot by shot, its first and its last among them."""
        step = max(1, round(container.rate[0] / container.rate[1] / self.pairs_per_s))
        ends = [*shots[1:], len(container.pts)]
        return [sorted({*range(first, end, step), end - 1}) for first, end in zip(shots, ends, strict=True)]

    def _seen(self, path: Path) -> Iterator[Seen]:
        """Yield the moves of a shot, axis by axis, then its rest, or that it shakes."""
        least_T4 = self._least(path.smooth)
        fast = np.abs(path.smooth) >= least_T4
        shakes = path.jitter >= self.shake
        far = self.sways if shakes else 0.0
        for axis, (negative, positive) in enumerate(_NAMES):
            for name, sign in ((negative, -1), (positive, 1)):
                for first, end in runs((fast[:, axis] & (np.sign(path.smooth[:, axis]) == sign)).tolist()):
                    speed = float(np.abs(path.smooth[first:end, axis]).mean())
                    if speed * path.lasts_s[first:end].sum() < far:
                        continue
                    same = float((np.sign(path.raw[first:end, axis]) == sign).mean())
                    sure = same * path.share[first:end].mean() * (1 - least_T4[first:end, axis].mean() / speed / 2)
                    yield from self._lasting(path, name, first, end, sure, speed)
        if shakes and len(path.smooth):
            sure = float(path.share.mean()) * (1 - self.shake / path.jitter / 2)
            yield from self._lasting(path, SHAKE, 0, len(path.smooth), sure, path.jitter)
        for first, end in runs((~fast.any(1) & path.told).tolist()) if not shakes else ():
            most = float((np.abs(path.smooth) / least_T4)[first:end].max())
            sure = float(path.share[first:end].mean()) * (1 - most / 2)
            yield from self._lasting(path, STATIC, first, end, sure, 0.0)

    def _least(self, smooth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each axis must reach to be a move, at each time."""
        least_T4 = np.tile([self.pan, self.pan, self.zoom, self.roll], (len(smooth), 1))
        goes = np.hypot(smooth[:, 0], smooth[:, 1])
        least_T4[:, 2:] = np.maximum(least_T4[:, 2:], self.keystone * goes[:, None])
        return least_T4

    def _lasting(self, path: Path, name: str, first: int, end: int, sure: float, speed: float) -> Iterator[Seen]:
        if path.lasts_s[first:end].sum() >= self.least_s:
            yield Seen(name, path.places[first], path.places[end], round(float(sure), 4), round(speed, 4))

    def _noted(self, container: Container, part: int, found: Sequence[Seen], jitter: float, told_s: float) -> Noted:
        notes, taken_s = list[Note](), dict[str, float]()
        for one in sorted(found, key=lambda one: (one.first, one.end, one.motion)):
            at = container.span(part, one.first, one.end)
            notes.append(Note(names.CAMERA_MOTION.name, one.motion, at))
            notes.append(Note(names.CAMERA_MOTION_CONFIDENCE.name, one.confidence, at))
            notes.append(Note(names.CAMERA_SPEED.name, one.speed, at))
            lasts_s = container.seconds(at.end_pts - at.start_pts)
            taken_s[one.motion] = taken_s.get(one.motion, 0.0) + lasts_s
        ranked = sorted(taken_s, key=lambda name: (-taken_s[name], name))
        return Noted(
            {
                "camera_motions": list(ranked),
                "camera_motion_shares": [round(min(1.0, taken_s[name] / container.duration_s), 4) for name in ranked],
                "camera_shake": round(jitter, 6),
                "camera_seen_share": round(min(1.0, told_s / container.duration_s), 4),
            },
            tuple(notes),
        )


class Path(Struct, frozen=True):
    """A shot's motion between neighbouring places: `raw` and `smooth` a second (right, down, larger, turned), the share
    of the tracks that go along, whether it could be told, how long each lasts; `jitter` about the smooth, in widths.

    `places` has one more than there are motions; the last is the shot's end.
    """

    places: list[int]
    raw: NDArray[np.float64]
    smooth: NDArray[np.float64]
    share: NDArray[np.float64]
    told: NDArray[np.bool_]
    lasts_s: NDArray[np.float64]
    jitter: float

    @property
    def told_s(self) -> float:
        """How long the motion could be told."""
        return float(self.lasts_s[self.told].sum())

    @classmethod
    def of(cls, container: Container, places: Sequence[int], path: Sequence[GlobalMotion | None], end: int) -> Path:
        """Return the path of a shot that was looked at in these places and ends before the frame `end`."""
        pts = [container.pts[place] for place in places]
        lasts_s = np.array([container.seconds(later - sooner) for sooner, later in pairwise(pts)])
        told = np.array([one is not None for one in path], np.bool_)
        steps = np.array(
            [(one.right, one.down, one.larger, one.turned) if one else (0.0,) * _AXES for one in path]
        ).reshape(-1, _AXES)
        raw = steps / lasts_s[:, None]
        smooth = _smoothed(raw, lasts_s)
        off = (raw - smooth)[told, :2] * lasts_s[told, None]
        jitter = float(np.sqrt((off**2).sum(1).mean())) if len(off) else 0.0
        shares = np.array([one.share if one else 0.0 for one in path])
        return cls([*places[:-1], end], raw, np.where(told[:, None], smooth, 0.0), shares, told, lasts_s, jitter)


def _path(frames: Iterator[Frame], shot: Sequence[int]) -> list[GlobalMotion | None]:
    """Return the motion between each two neighbouring frames of a shot, taken from the frames that come next."""
    import cv2

    found: list[GlobalMotion | None] = []
    before = None
    for _ in shot:
        grey = cv2.cvtColor(next(frames), cv2.COLOR_RGB2GRAY)
        if before is not None:
            found.append(global_motion(before, grey))
        before = grey
    return found


def _smoothed(raw: NDArray[np.float64], lasts_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over half a second around each motion, each counting for as long as it lasts."""
    middle = np.cumsum(lasts_s) - lasts_s / 2
    near = (np.abs(middle[:, None] - middle[None, :]) <= _SMOOTH_S / 2) * lasts_s[None, :]
    smooth: NDArray[np.float64] = near @ raw / near.sum(1, keepdims=True) if len(raw) else raw
    return smooth
