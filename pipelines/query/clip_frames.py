"""Frames of clips as one picture, for pages: six of them side by side, made by an annotator so that the guard can
hold it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import ClassVar

from PIL import Image

from annotators.annotator import Annotator, Needs, Subject
from annotators.container import read_container
from annotators.frames import frames_at
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.query.thumbnails import Thumbnail
from schemas.note import Failed, Noted

FRAMES = 6
_COLUMNS = 3


class ClipFrames(Annotator, frozen=True):
    """Frames at equal distances over the clip, as many as it has and six at most, under a Thumbnail's names."""

    side_px: int = 240
    most_bytes: int = 60_000

    writes: ClassVar = Thumbnail.writes
    extra: ClassVar = "video"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=120.0)

    def look(self, subject: Subject) -> Noted:
        _, part = subject.video()
        content = subject.content(part)
        container = read_container(content, part.extension)
        count = min(FRAMES, len(container.pts))
        places = [(2 * n + 1) * len(container.pts) // (2 * count) for n in range(count)]
        frames = [
            Image.fromarray(frame)
            for frame in frames_at(content, part.extension, container, places, self.side_px, "decord")
        ]
        width, height = frames[0].size
        rows = -(-count // _COLUMNS)
        sheet = Image.new("RGB", (width * min(count, _COLUMNS), height * rows))
        for place, frame in enumerate(frames):
            sheet.paste(frame, (width * (place % _COLUMNS), height * (place // _COLUMNS)))
        return _noted(sheet, self.most_bytes)


def _noted(sheet: Image.Image, most_bytes: int) -> Noted:
    """Return it as a JPEG of whatever quality fits."""
    for quality in (75, 55, 35, 15):
        out = io.BytesIO()
        sheet.save(out, "JPEG", quality=quality)
        if out.tell() <= most_bytes:
            break
    data = base64.b64encode(out.getvalue()).decode()
    names = ("thumbnail", "thumbnail_width_px", "thumbnail_height_px")
    return Noted(dict(zip(names, (data, *sheet.size), strict=True)))


def clip_frames(requests: Sequence[Request], most_bytes: int) -> Iterator[Noted | Failed]:
    """Yield the frames of each clip in order, or why there are none; raises Unavailable without ostraka[video]."""
    if requests:
        with Guard(ClipFrames(most_bytes=most_bytes)) as guard:
            yield from guard.look(requests)
