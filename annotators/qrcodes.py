"""QR codes: which pictures of a sample hold one, how much of them it takes, and what it says, read by zxing-cpp.

A code counts when it was decoded and its checksum holds, so a picture of chequers is none. zxing-cpp (Apache-2.0, one
wheel of a megabyte) reads small, turned, inverted and several codes, at some 10 ms a million pixels; OpenCV's detector
reads fewer of them and weighs fifty times as much, pyzbar needs a library of the system.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.header import PILLOW_RAISES
from annotators.stored_pixels import ON_ITS_SIDE, Point, as_stored, stored_point
from annotators.upright import upright_rgb
from schemas.errors import BadSample
from schemas.note import Item, Note, Noted, Quad
from schemas.sample import Image as Part
from schemas.vocabulary.documents import PICTURE_QR_CODES, PICTURE_QR_SHARE, QR_CODE

_AS_IT_IS = 1 << 30
_DECIMALS = 6


class QrCodes(Annotator, frozen=True):
    """A picture that cannot be decoded, or has more than `most_mpx` million pixels, has no code; the sample stays."""

    most_mpx: float = 200.0

    writes: ClassVar = (PICTURE_QR_CODES, PICTURE_QR_SHARE)
    places: ClassVar = (QR_CODE,)
    made_with: ClassVar = ("zxing-cpp", "pillow")
    extra: ClassVar = "qr"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=300.0)

    @contextmanager
    def open(self) -> Iterator[Look]:
        from zxingcpp import BarcodeFormat, BarcodeFormats, read_barcodes

        def codes(grey_HW: Any) -> list[tuple[str, list[Point]]]:
            found = read_barcodes(grey_HW, formats=BarcodeFormats([BarcodeFormat.QRCode]))
            return [(code.text, _corners(code.position)) for code in found]

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [self._said(codes, subject) for subject in subjects]

        yield look

    def _said(self, codes: Any, subject: Subject) -> Noted:
        count, share, notes = list[Item](), list[Item](), list[Note]()
        for place, part in subject.sample.media():
            if isinstance(part, Part):
                found = self._read(codes, place, subject.content(part))
                count.append(len(found))
                share.append(round(max((size for size, _ in found), default=0.0), _DECIMALS))
                notes += [note for _, note in found]
        return Noted({"picture_qr_codes": count, "picture_qr_share": share}, tuple(notes))

    def _read(self, codes: Any, place: int, data: bytes) -> list[tuple[float, Note]]:
        """Return the share of the area that each code of a picture takes, and the note on it."""
        try:
            with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
                warnings.simplefilter("ignore")
                if picture.width * picture.height > self.most_mpx * 1e6:
                    return []
                orientation, stored_px = as_stored(picture)
                picture.load()
                upright = upright_rgb(picture, _AS_IT_IS)
        except PILLOW_RAISES:
            return []
        sides_px = stored_px[::-1] if orientation in ON_ITS_SIDE else stored_px
        scale = sides_px[0] / upright.width, sides_px[1] / upright.height
        found = []
        for text, corners in codes(np.asarray(upright.convert("L"))):
            share = min(1.0, _area(corners) / (upright.width * upright.height))
            at = [stored_point(orientation, *stored_px, (x * scale[0], y * scale[1])) for x, y in corners]
            found.append((share, Note(QR_CODE.name, text, Quad(place, (at[0], at[1], at[2], at[3])))))
        return found


def _corners(position: Any) -> list[Point]:
    names = ("top_left", "top_right", "bottom_right", "bottom_left")
    return [(float(getattr(position, name).x), float(getattr(position, name).y)) for name in names]


def _area(corners: Sequence[Point]) -> float:
    """Return the area of a polygon by the shoelace formula."""
    pairs = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairs)) / 2
