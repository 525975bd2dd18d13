"""The header of an ordinary JPEG, against Pillow: what is said at all is what Pillow says of the same bytes."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from annotators.jpeg import ordinary_header

MODES = ["L", "RGB", "CMYK"]


def encoded(mode: str, size: tuple[int, int], **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 77 if mode == "L" else (1, 2, 3, 4)[: len(mode)]).save(out, "JPEG", **options)
    return out.getvalue()


def as_pillow_says(data: bytes) -> tuple[int, int, str] | None:
    """Return size and mode; None where Pillow refuses the bytes, or sees more in them than those."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            turned = Image.Image.getexif(picture).get(0x0112, 1) != 1
            return None if turned or picture.format != "JPEG" else (*picture.size, picture.mode)
    except Exception:
        return None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"c" * 700}, {"icc_profile": b"i" * 900}])
def test_an_ordinary_jpeg_is_read_from_its_first_bytes(mode: str, options: dict[str, object]) -> None:
    data = encoded(mode, (301, 7), **options)
    assert ordinary_header(data) == ordinary_header(data[:4096]) == as_pillow_says(data) == (301, 7, mode)


@pytest.mark.parametrize("kind", ["exif", "xmp", "PNG", "MPO", "cut"])
def test_what_says_more_is_left_to_pillow(kind: str, picture: Callable[..., bytes]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image = Image.new("RGB", (30, 20))
    image.save(out, "MPO", save_all=True, append_images=[image])
    data = {
        "exif": lambda: encoded("RGB", (30, 20), exif=exif),
        "xmp": lambda: encoded("RGB", (30, 20), xmp=b"<x tiff:Orientation='6'/>"),
        "PNG": lambda: picture(1, kind="PNG"),
        "MPO": out.getvalue,
        "cut": lambda: encoded("RGB", (30, 20))[:300],
    }[kind]()
    assert ordinary_header(data) is None


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(MODES), st.booleans(), st.integers(0, 2**32), st.integers(1, 4))
def test_pillow_says_the_same_of_broken_headers(mode: str, progressive: bool, seed: int, faults: int) -> None:
    data, chance = bytearray(encoded(mode, (40, 30), progressive=progressive)), random.Random(seed)
    scan = data.index(b"\xff\xda")
    for _ in range(faults):
        data[chance.randrange(2, scan + 4)] = chance.choice([0, 1, 2, 8, 0x43, 0xC0, 0xC4, 0xDB, 0xE1, 0xFE, 0xFF])
    found = ordinary_header(bytes(data))
    assert found is None or found == as_pillow_says(bytes(data))
