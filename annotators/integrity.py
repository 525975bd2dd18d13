"""Integrity: decodes a video to its end, and says what came out: how many frames, what broke, what is black or still.

One pass by PyAV, packet by packet, so that what breaks is counted and the rest still seen. A decoder mends what it can
and says little: it is told to call every fault by its name. Black and still are seen on a grey copy of 96 px; the
thresholds are those that FFmpeg's own detectors of black and of freezes stand on, with more room for the noise of an
encoder in what is still. Still is what stays like one frame for a while: to be like the frame before is little, since
film at twice its rate repeats every other frame.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from annotators.annotator import Annotator, Needs, Subject
from annotators.container import Container, opened, read_container
from annotators.spans import lasting, share
from schemas.errors import BadSample
from schemas.note import Note, Noted
from schemas.vocabulary import video as names

_SIDE_PX = 96
_BLACK_LUMA, _BLACK_PIXELS = 26, 0.98


class Integrity(Annotator, frozen=True):
    """Decodes at most `limit_s` seconds long; what takes longer is a failed row, as is what takes too much memory.

    `still_levels`: two frames are one where their luma differs by less on the average, in 8-bit levels. What stays like
    one frame for `least_s` is still; spans are noted that last so long.
    """

    still_levels: float = 0.25
    least_s: float = 0.5
    limit_s: float = 3600.0

    writes: ClassVar = (
        names.FRAMES_DECODED,
        names.PACKETS_BROKEN,
        names.TIMES_BACK,
        names.BLACK_SHARE,
        names.STILL_SHARE,
    )
    places: ClassVar = (names.BLACK, names.STILL)
    made_with: ClassVar = ("av",)
    extra: ClassVar = "video"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    def identity(self) -> Annotator:
        return Integrity(self.still_levels, self.least_s)

    def look(self, subject: Subject) -> Noted:
        part, video = subject.video()
        content = subject.content(video)
        container = read_container(content, video.extension)
        seen = _Seen(self.still_levels)
        with opened(content, video.extension) as (file, stream):
            seen.all(file, stream)
        if not seen.frames:
            raise BadSample("undecodable", "none of its frames decodes")
        return self._noted(seen, container, part)

    def _noted(self, seen: _Seen, container: Container, part: int) -> Noted:
        black = [pts in seen.black for pts in container.pts]
        still = self._still(seen, container)
        spans = [(names.BLACK.name, black), (names.STILL.name, still)]
        return Noted(
            {
                "frames_decoded": seen.frames,
                "packets_broken": seen.broken,
                "times_back": seen.times_back,
                "black_share": share(container, black),
                "still_share": share(container, still),
            },
            tuple(
                Note(name, True, container.span(part, first, end))
                for name, holds in spans
                for first, end in lasting(container, holds, self.least_s)
            ),
        )

    def _still(self, seen: _Seen, container: Container) -> list[bool]:
        """Say of each frame whether the frame that it is like stays for long enough."""
        likes = [seen.like.get(pts, pts) for pts in container.pts]
        found = list[bool]()
        for _, run in groupby(enumerate(likes), key=lambda pair: pair[1]):
            places = [place for place, _ in run]
            at = container.span(0, places[0], places[-1] + 1)
            lasts = len(places) > 1 and container.seconds(at.end_pts - at.start_pts) >= self.least_s
            found += [lasts] * len(places)
        return found


class _Seen:
    """What came out so far: the times of frames that are black, and of each frame that of the first one it is like."""

    def __init__(self, still_levels: float) -> None:
        self.frames, self.broken, self.times_back = 0, 0, 0
        self.black, self.like = set[int](), dict[int, int]()
        self._still_levels = still_levels
        self._last_pts: int | None = None
        self._first: tuple[int, NDArray[np.int16]] | None = None

    def all(self, file: Any, stream: Any) -> None:
        import av

        stream.codec_context.options = {"err_detect": "explode"}
        for packet in file.demux(stream):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self.broken += 1
                continue
            for frame in decoded:
                self._take(frame)

    def _take(self, frame: Any) -> None:
        self.frames += 1
        self.broken += bool(frame.is_corrupt)
        pts = frame.pts if frame.pts is not None else frame.dts
        scale = min(1.0, _SIDE_PX / max(frame.width, frame.height))
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        luma = frame.reformat(width=width, height=height, format="gray").to_ndarray()
        if (luma < _BLACK_LUMA).mean() >= _BLACK_PIXELS:
            self.black.add(pts)
        self.times_back += self._last_pts is not None and pts <= self._last_pts
        self._last_pts = pts
        luma = luma.astype(np.int16)
        if self._first is None or not self._is_like(luma, self._first[1]):
            self._first = pts, luma
        self.like[pts] = self._first[0]

    def _is_like(self, luma: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
        return luma.shape == other.shape and bool(np.abs(luma - other).mean() < self._still_levels)
