"""Stills: the times of a video's frames, and single frames of it, made by annotators so that the guard can hold them.

A frame is asked for by its time and is the one that a player shows then: the last that begins no later.
"""

from __future__ import annotations

import base64
import io
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack
from threading import Lock
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from PIL import Image

from annotators.annotator import Annotator, Needs, Subject
from annotators.container import read_container
from annotators.frames import frames_at
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from schemas.errors import BadSample
from schemas.note import Failed, Noted
from schemas.vocabulary import Name

WANTED = "wanted_pts"
LIMIT_S, MEMORY_MIB = 900.0, 6144
_QUALITY = 85


class Clip(Struct, frozen=True):
    """What a video is, as far as its frames are shown: `pts` when each begins, `end_pts` when the last one ends.

    Width and height are those of the upright picture, in pixels.
    """

    pts: tuple[int, ...]
    end_pts: int
    time_base: tuple[int, int]
    rate: tuple[int, int]
    codec: str
    width_px: int
    height_px: int

    def seconds(self, pts: int) -> float:
        """Return a time in seconds."""
        return pts * self.time_base[0] / self.time_base[1]

    def place(self, pts: int) -> int:
        """Return the place of the frame that is shown at a time; before the first frame, the first."""
        return max(0, bisect_right(self.pts, pts) - 1)


class Times(Annotator, frozen=True):
    """Says when each frame of the first video begins; nothing but one frame is decoded."""

    writes: ClassVar = (Name("clip", "string", "", "a Clip as JSON"),)

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=LIMIT_S, memory_mib=MEMORY_MIB)

    def look(self, subject: Subject) -> Noted:
        _, video = subject.video()
        found = read_container(subject.content(video), video.extension)
        sides = (found.width_px, found.height_px)
        upright = sides[::-1] if found.rotation_deg % 180 else sides
        clip = Clip(found.pts, found.end_pts, found.time_base, found.rate, found.codec, *upright)
        return Noted({"clip": msgspec.json.encode(clip).decode()})


class Stills(Annotator, frozen=True):
    """Decodes the frames of the first video that are shown at the times that are wanted, upright, as JPEG.

    Their longer side is at most `side_px`.
    """

    side_px: int = 320

    reads: ClassVar = (WANTED,)
    writes: ClassVar = (Name("stills", "list<string>", "", "a JPEG in base64 for each time that is wanted"),)

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=LIMIT_S, memory_mib=MEMORY_MIB)

    def look(self, subject: Subject) -> Noted:
        _, video = subject.video()
        content = subject.content(video)
        container = read_container(content, video.extension)
        wanted = [max(0, bisect_right(container.pts, pts) - 1) for pts in subject.notes[WANTED]]
        places = sorted(set(wanted))
        frames = frames_at(content, video.extension, container, places, self.side_px, "decord")
        made = {place: _jpeg(frame) for place, frame in zip(places, frames, strict=True)}
        return Noted({"stills": [made[place] for place in wanted]})


class Filmed:
    """Reads times and frames of videos in children that live as long as it; a context manager that threads may share.

    Raises BadSample for a video of which nothing is to be seen.
    """

    def __init__(self, side_px: int) -> None:
        self._children, self._one_at_a_time = ExitStack(), Lock()
        self._times = self._children.enter_context(Guard(Times()))
        self._stills = self._children.enter_context(Guard(Stills(side_px)))

    def __enter__(self) -> Filmed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children, and what they are at if that takes longer than a second."""
        free = self._one_at_a_time.acquire(timeout=1)
        self._children.close()
        if free:
            self._one_at_a_time.release()

    def clip(self, request: Request) -> Clip:
        """Return what a video is."""
        found = self._look(self._times, request, {})
        return msgspec.json.decode(found["clip"], type=Clip)

    def stills(self, request: Request, wanted_pts: Sequence[int]) -> list[bytes]:
        """Return the frame that is shown at each of these times, as JPEG."""
        found = self._look(self._stills, request, {WANTED: list(wanted_pts)})
        return [base64.b64decode(one) for one in found["stills"]]

    def _look(self, guard: Guard, request: Request, notes: dict[str, Any]) -> dict[str, Any]:
        with self._one_at_a_time:
            [result] = guard.look([Request(request.sample, request.media, request.offsets, notes)])
        if isinstance(result, Failed):
            raise BadSample(result.reason, result.detail)
        return dict(result.values)


def picture_of(still: bytes) -> Image.Image:
    """Return a still as a picture."""
    with Image.open(io.BytesIO(still)) as picture:
        return picture.convert("RGB")


def _jpeg(frame: Any) -> str:
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=_QUALITY)
    return base64.b64encode(out.getvalue()).decode()
