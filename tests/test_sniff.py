"""What bytes are: pictures and videos share a container, and only its brands tell them apart."""

from __future__ import annotations

import io

import pytest
from PIL import Image, features

from schemas.sniff import sniff


def box(major: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(others)
    return (4 + len(body)).to_bytes(4, "big") + body + b"\0\0\0\x20avif"


@pytest.mark.parametrize(
    ("head", "extension"),
    [
        (box(b"avif", b"mif1", b"miaf"), "avif"),
        (box(b"avis", b"msf1"), "avif"),
        (box(b"mif1", b"miaf", b"avif"), "avif"),
        (box(b"msf1", b"avis"), "avif"),
        (box(b"heic", b"mif1", b"heic"), ""),
        (box(b"heix", b"mif1"), ""),
        (box(b"mif1", b"heic"), ""),
        (box(b"msf1", b"hevc"), ""),
        (box(b"mif1"), ""),
        (box(b"isom", b"avc1", b"mif1"), "mp4"),
        (box(b"mp42"), "mp4"),
        (box(b"qt  "), "mov"),
    ],
)
def test_the_brand_tells_pictures_from_videos(head: bytes, extension: str) -> None:
    assert sniff(head[:64]) == extension


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize("frames", [1, 3])
def test_avif_as_pillow_writes_it_is_a_picture(frames: int) -> None:
    pictures = [Image.new("RGB", (32, 32), (80 * n, 0, 0)) for n in range(frames)]
    out = io.BytesIO()
    pictures[0].save(out, "AVIF", save_all=frames > 1, append_images=pictures[1:])
    assert sniff(out.getvalue()[:64]) == "avif"
