"""QR codes: read wherever they stand in a picture, with their corners where they are stored; nothing else is one."""

from __future__ import annotations

import io
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageOps

from annotators.annotator import Subject
from annotators.qrcodes import QrCodes
from schemas.note import Note, Noted, Quad
from schemas.sample import Image, Sample, Source, Text

SAYS = "https://example.org/offer?id=4711"


def code(text: str = SAYS, side_px: int = 180) -> Picture.Image:
    """Encoded by another library than the one that reads."""
    made = cv2.QRCodeEncoder.create().encode(text)  # type: ignore[attr-defined]
    return Picture.fromarray(made).convert("RGB").resize((side_px, side_px), Picture.Resampling.NEAREST)


def encoded(picture: Picture.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def on_a_photograph(picture: Callable[..., bytes], *at: tuple[int, int], side_px: int = 180) -> Picture.Image:
    street = Picture.open(io.BytesIO(picture(5, (800, 600)))).convert("RGB")
    for place in at:
        street.paste(code(side_px=side_px), place)
    return street


def noted(*pictures: bytes) -> Noted:
    parts = (Text("words", "paragraph"), *(Image(sha256(data).hexdigest(), len(data), "png") for data in pictures))
    held, offsets = b"".join(pictures), np.cumsum([0, *map(len, pictures)]).tolist()
    sample = Sample("0" * 32, parts, Source("d", "n"))
    with QrCodes().open() as look:
        [found] = look([Subject(sample, "m", offsets, {}, lambda url, at, size: held[at : at + size])])
    assert isinstance(found, Noted)
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made,
        lambda made: made.rotate(90),
        lambda made: made.rotate(17, expand=True, fillcolor="white"),
        ImageOps.invert,
        lambda made: made.resize((90, 90)),
        lambda made: made.convert("1"),
        lambda made: made.convert("P"),
        lambda made: Picture.merge(
            "RGBA", (*(made.convert("L").point(lambda _: 0),) * 3, ImageOps.invert(made).convert("L"))
        ),
    ],
    ids=["as it is", "on its side", "turned", "inverted", "small", "one bit", "palette", "black on nothing"],
)
def test_a_code_is_read_however_it_is_shown(change: Callable[[Picture.Image], Picture.Image]) -> None:
    found = noted(encoded(change(ImageOps.expand(code(), 24, "white"))))
    assert found.values["picture_qr_codes"] == [1]
    assert [note.value for note in found.places] == [SAYS]


def test_its_share_and_its_corners_are_those_of_the_code_in_the_picture(picture: Callable[..., bytes]) -> None:
    """The quiet zone around a code, two modules of 33 on each side, does not belong to it."""
    found = noted(encoded(on_a_photograph(picture, (500, 300))))
    edge = 180 * 2 / 33
    inside = 180 - 2 * edge
    [share] = found.values["picture_qr_share"]  # type: ignore[misc]
    assert share == pytest.approx(inside**2 / (800 * 600), rel=0.05)  # type: ignore[comparison-overlap]
    assert corners(found.places[0]) == pytest.approx(square(500 + edge, 300 + edge, inside), abs=4)


def square(left: float, top: float, side: float) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def corners(note: Note) -> list[float]:
    assert isinstance(note.at, Quad) and note.at.part == 1
    return [value for point in note.at.corners_px for value in point]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_corners_are_in_the_picture_as_stored_whatever_exif_says(
    picture: Callable[..., bytes], orientation: int
) -> None:
    exif = Picture.Exif()
    exif[0x0112] = orientation
    data = encoded(on_a_photograph(picture, (500, 300)), "JPEG", exif=exif, quality=95)
    [note] = noted(data).places
    found = np.array(corners(note)).reshape(4, 2)
    assert found.min(0) == pytest.approx([500, 300], abs=28) and found.max(0) == pytest.approx([680, 480], abs=28)


def test_several_codes_are_all_read_and_the_largest_takes_the_share(picture: Callable[..., bytes]) -> None:
    street = on_a_photograph(picture, (30, 40), (560, 380))
    street.paste(code("other", 90), (300, 40))
    found = noted(encoded(street))
    assert found.values["picture_qr_codes"] == [3]
    assert sorted(str(note.value) for note in found.places) == [SAYS, SAYS, "other"]
    assert (
        found.values["picture_qr_share"]
        == noted(encoded(on_a_photograph(picture, (30, 40)))).values["picture_qr_share"]
    )


def test_what_is_no_code_or_no_picture_has_none(picture: Callable[..., bytes]) -> None:
    random = np.random.default_rng(1)
    chequers = Picture.fromarray(random.integers(0, 2, (37, 37), np.uint8) * 255).resize((370, 370), 0)
    broken = ImageOps.expand(code(), 24, "white")
    broken.paste("white", (100, 40, 200, 160))
    found = noted(encoded(chequers), encoded(broken), picture(3), b"junk")
    assert found.values == {"picture_qr_codes": [0] * 4, "picture_qr_share": [0.0] * 4} and found.places == ()
