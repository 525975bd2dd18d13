"""Header: size, mode, format, orientation and frames of a picture, without decoding it."""

from __future__ import annotations

import io
from typing import ClassVar

from PIL import Image, UnidentifiedImageError

from annotators.annotator import Annotator, Subject
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary import FORMAT, FRAMES, HEIGHT_PX, MODE, ORIENTATION, WIDTH_PX

Image.MAX_IMAGE_PIXELS = None

_HEAD_BYTES = 16_384
_EXIF_ORIENTATION = 0x0112


class Header(Annotator, frozen=True):
    """Reads the first 16 KiB, and the whole file only where its header is longer or says how many frames there are."""

    writes: ClassVar = (WIDTH_PX, HEIGHT_PX, FORMAT, MODE, ORIENTATION, FRAMES)

    def look(self, subject: Subject) -> Noted:
        part = subject.picture()
        if part.extension in ("jpg", "jpeg"):
            try:
                return _read(subject.head(_HEAD_BYTES, part))
            except BadSample:
                pass
        return _read(subject.content(part))


def _read(data: bytes) -> Noted:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            orientation = picture.getexif().get(_EXIF_ORIENTATION, 1) if "exif" in picture.info else 1
            frames = getattr(picture, "n_frames", 1)
            return Noted(
                {
                    "width_px": picture.width,
                    "height_px": picture.height,
                    "format": (picture.format or "").lower(),
                    "mode": picture.mode,
                    "orientation": orientation if orientation in range(1, 9) else 1,
                    "frames": max(1, frames),
                }
            )
    except UnidentifiedImageError:
        raise BadSample("unreadable_header", "no picture format was recognised") from None
    except (OSError, SyntaxError, ValueError, KeyError, EOFError) as error:
        raise BadSample("unreadable_header", f"{type(error).__name__}: {error}") from None
