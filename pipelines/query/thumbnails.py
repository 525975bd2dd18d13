"""Thumbnails: small upright copies of foreign pictures and of a frame of videos, made by an annotator so that the guard
can hold it.

A bomb, a crasher or a truncated file is then a card without a picture, never a page that was not written.
"""

from __future__ import annotations

import base64
import io
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import ClassVar

from PIL import Image

from annotators.annotator import Annotator, Subject
from annotators.container import read_container
from annotators.frames import frames_at
from annotators.upright import upright_rgb
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from schemas.errors import BadSample, Unavailable
from schemas.note import Failed, Noted
from schemas.sample import Video
from schemas.vocabulary import Name

Image.MAX_IMAGE_PIXELS = None

LEAST_SIDE_PX = 64
_STEP = 0.8
_MOST_IN_S = 10
_QUALITY, _LEAST_QUALITY = 70, 45


class Thumbnail(Annotator, frozen=True):
    """Fits a picture into a square of `side_px`, and into a smaller one until its JPEG is at most `most_bytes`."""

    side_px: int = 480
    most_bytes: int = 36_000
    most_mpx: float = 200.0

    writes: ClassVar = (
        Name("thumbnail", "string", "", "a JPEG in base64"),
        Name("thumbnail_width_px", "uint32", "px", "its width", 1),
        Name("thumbnail_height_px", "uint32", "px", "its height", 1),
    )

    def look(self, subject: Subject) -> Noted:
        _, first = next(subject.sample.media(), (0, None))
        small = self._frame(subject, first) if isinstance(first, Video) else self._decode(subject.content())
        side_px = max(small.size)
        data = _jpeg(small, _QUALITY)
        while len(data) > self.most_bytes and side_px > LEAST_SIDE_PX:
            side_px = int(side_px * _STEP)
            small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
            data = _jpeg(small, _LEAST_QUALITY)
        return Noted(
            {
                "thumbnail": base64.b64encode(data).decode(),
                "thumbnail_width_px": small.width,
                "thumbnail_height_px": small.height,
            }
        )

    def _frame(self, subject: Subject, video: Video) -> Image.Image:
        """Return the frame in the middle of a video, or at ten seconds, up to which a long one is decoded."""
        content = subject.content(video)
        try:
            container = read_container(content, video.extension)
            until = container.pts[0] + round(_MOST_IN_S * container.time_base[1] / container.time_base[0])
            place = min(len(container.pts) // 2, bisect_right(container.pts, until) - 1)
            [frame] = frames_at(content, video.extension, container, [place], self.side_px, "decord")
        except Unavailable as error:
            raise BadSample("not_decoded", str(error)) from None
        return Image.fromarray(frame)

    def _decode(self, data: bytes) -> Image.Image:
        try:
            with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
                warnings.simplefilter("ignore")
                picture.draft("RGB", (self.side_px, self.side_px))
                if picture.width * picture.height > self.most_mpx * 1e6:
                    raise BadSample("too_many_pixels", f"{picture.width} x {picture.height}")
                picture.load()
                small = upright_rgb(picture, self.side_px)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None
        small.thumbnail((self.side_px, self.side_px), Image.Resampling.LANCZOS)
        return small


def thumbnails(requests: Sequence[Request], most_bytes: int) -> Iterator[Noted | Failed]:
    """Yield a thumbnail, or why there is none, for each request in order."""
    with Guard(Thumbnail(most_bytes=most_bytes)) as guard:
        yield from guard.look(requests)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()
