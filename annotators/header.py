"""Header: size, mode, format, orientation and frames of a picture, without decoding it."""

from __future__ import annotations

import io
import struct
from typing import ClassVar

from PIL import Image, UnidentifiedImageError

from annotators.annotator import Annotator, Subject
from annotators.jpeg import ordinary_header
from annotators.stored_pixels import ON_ITS_SIDE
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.sample import Image as Picture
from schemas.vocabulary.pictures import FORMAT, FRAMES, HEIGHT_PX, MODE, ORIENTATION, WIDTH_PX

Image.MAX_IMAGE_PIXELS = None

PILLOW_RAISES = (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error)
"""What Pillow raises over broken bytes, format by format."""

_ORDINARY_BYTES, _HEAD_BYTES = 4_096, 16_384
_EXIF_ORIENTATION = 0x0112


class Header(Annotator, frozen=True):
    """Reads the first 4 or 16 KiB, the whole file only where its header is longer or says how many frames there are.

    A TIFF's size is given as stored too, which Pillow turns when it opens one. What stands behind the picture of an
    MPO is another view of it or its gain map, as phones write them, and no frame.
    """

    made_with: ClassVar = ("pillow",)
    writes: ClassVar = (WIDTH_PX, HEIGHT_PX, FORMAT, MODE, ORIENTATION, FRAMES)

    def look(self, subject: Subject) -> Noted:
        return header_of(subject, subject.picture())


def header_of(subject: Subject, part: Picture) -> Noted:
    """Return what the header of one picture says; raises BadSample("unreadable_header")."""
    if part.extension in ("jpg", "jpeg"):
        if ordinary := ordinary_header(subject.head(_ORDINARY_BYTES, part)):
            return _noted(*ordinary, "jpeg", orientation=1, frames=1)
        try:
            return _read(subject.head(_HEAD_BYTES, part))
        except BadSample:
            pass
    return _read(subject.content(part))


def _read(data: bytes) -> Noted:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            orientation = _orientation(picture)
            width_px, height_px = picture.size
            if picture.format == "TIFF" and orientation in ON_ITS_SIDE:
                width_px, height_px = height_px, width_px
            frames = 1 if picture.format == "MPO" else max(1, getattr(picture, "n_frames", 1))
            return _noted(width_px, height_px, picture.mode, (picture.format or "").lower(), orientation, frames)
    except UnidentifiedImageError:
        raise BadSample("unreadable_header", "no picture format was recognised") from None
    except PILLOW_RAISES as error:
        raise BadSample("unreadable_header", f"{type(error).__name__}: {error}") from None


def _noted(width_px: int, height_px: int, mode: str, kind: str, orientation: int, frames: int) -> Noted:
    return Noted(
        {
            "width_px": width_px,
            "height_px": height_px,
            "format": kind,
            "mode": mode,
            "orientation": orientation,
            "frames": frames,
        }
    )


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation; a PNG's own `getexif` would decode it to look behind its pixels."""
    stated = Image.Image.getexif(picture).get(_EXIF_ORIENTATION, 1)
    return stated if stated in range(1, 9) else 1
