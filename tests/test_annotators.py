"""Header, pixels and language on what comes in: every format and mode, turned, animated, huge, broken."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from annotators.annotator import Annotator, Subject
from annotators.header import Header
from annotators.jpeg import ordinary_header
from annotators.language import Language
from annotators.pixels import Pixels, laplacian_variance, perceptual_hash
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.sample import Image as Picture
from schemas.sample import Sample, Source, Text
from schemas.sniff import sniff

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
MODES = [
    *[("jpeg", mode) for mode in ("L", "RGB", "CMYK")],
    *[("png", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
    *[("tiff", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")],
    *[("bmp", mode) for mode in ("1", "L", "P", "RGB")],
    *[("webp", mode) for mode in ("RGB", "RGBA")],
    ("gif", "P"),
]


def photo(seed: int = 0, size: tuple[int, int] = (96, 64)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def in_mode(rgb: Image.Image, mode: str) -> Image.Image:
    if mode in ("I;16", "I"):
        return Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16 if mode == "I;16" else np.int32) * 257)
    if mode == "RGBA":
        rgb.putalpha(Image.linear_gradient("L").resize(rgb.size))
    return rgb.convert("RGBA").convert("LA") if mode == "LA" else rgb.convert(mode)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


class Read:
    """Reads bytes, and remembers how many were asked for."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, list[int]()

    def __call__(self, url: str, offset: int, size_bytes: int, /) -> bytes:
        self.asked.append(size_bytes)
        return self.content[offset : offset + size_bytes]


def subject(content: bytes, *texts: str, read: Read | None = None) -> Subject:
    part = Picture(hashlib.sha256(content).hexdigest(), len(content), sniff(content[:64]))
    sample = Sample("0" * 32, (part, *map(Text, texts)), Source("d", "r"))
    return Subject(sample, "made.tar", (0,), {}, read or Read(content))


def look(annotator: Annotator, content: bytes, *texts: str) -> dict[str, Any]:
    with annotator.open() as looking:
        [found] = looking([subject(content, *texts)])
    if isinstance(found, BadSample):
        raise found
    assert set(found.values) == {name.name for name in annotator.writes}
    for name in annotator.writes:
        values = found.values[name.name]
        for value in values if isinstance(values, list) else [values]:
            assert name.low is None or value >= name.low, name
            assert name.high is None or value <= name.high, name
    return found.values


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.setattr(Image.Image, "load", refuse)


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_a_header_says_what_the_picture_is_without_decoding_it(kind: str, mode: str, request: Any) -> None:
    content = saved(in_mode(photo(size=(97, 61)), mode), kind)
    request.getfixturevalue("no_decoding")
    assert look(Header(), content) == {
        "width_px": 97,
        "height_px": 61,
        "format": kind,
        "mode": mode,
        "orientation": 1,
        "frames": 1,
    }


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "tiff"])
def test_frames_are_counted_without_decoding_them(kind: str, request: Any) -> None:
    frames = [photo(seed) for seed in range(3)]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    request.getfixturevalue("no_decoding")
    assert look(Header(), content)["frames"] == 3


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_measured_as_stored_and_hashed_upright(kind: str, orientation: int) -> None:
    upright = photo(3, (96, 64))
    stored = upright.transpose(TURNS[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = saved(stored, kind, exif=exif, **({"lossless": True} if kind == "webp" else {}))
    with Image.open(io.BytesIO(content)) as opened:
        assert np.array_equal(ImageOps.exif_transpose(opened).convert("RGB"), upright) or kind == "jpeg"
    header = look(Header(), content)
    assert header["orientation"] == orientation
    assert (header["width_px"], header["height_px"]) == stored.size
    bits = look(Pixels(), content)["phash"] ^ perceptual_hash(upright)
    assert bits.bit_count() <= (4 if kind == "jpeg" else 0)


@pytest.mark.parametrize("stated", [0, 9, 65535])
def test_an_orientation_that_is_none_counts_as_upright(stated: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = stated
    assert look(Header(), saved(photo(), "jpeg", exif=exif))["orientation"] == 1


def test_of_a_large_jpeg_the_first_bytes_are_read_alone(request: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    content = saved(Image.fromarray(pixels), "jpeg", quality=95)
    request.getfixturevalue("no_decoding")
    read = Read(content)
    found = Header().look(subject(content, read=read))
    assert (found.values["width_px"], found.values["height_px"]) == (500, 400)
    assert sum(read.asked) <= 20_480 < len(content) / 5


PLAIN = {
    "grey": saved(photo(1).convert("L"), "jpeg"),
    "colour": saved(photo(1), "jpeg"),
    "progressive": saved(photo(1), "jpeg", progressive=True, comment=b"said"),
    "cmyk": saved(photo(1).convert("CMYK"), "jpeg"),
    "profile": saved(photo(1), "jpeg", icc_profile=bytes(300)),
    "restarts": saved(photo(1), "jpeg", restart_marker_rows=1),
}
NOT_PLAIN = {
    "exif": saved(photo(1), "jpeg", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06" + bytes(9)),
    "xmp": saved(photo(1), "jpeg", xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'),
    "several": saved(photo(1), "mpo", save_all=True, append_images=[photo(2)]),
}


@pytest.mark.parametrize("name", [*PLAIN, *NOT_PLAIN])
def test_an_ordinary_jpeg_is_told_without_pillow_and_no_other(name: str) -> None:
    assert (ordinary_header({**PLAIN, **NOT_PLAIN}[name]) is not None) == (name in PLAIN)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(PLAIN)),
    st.lists(st.tuples(st.integers(0, 40) | st.integers(0, 699), st.sampled_from([0, 1, 255]) | st.integers(0, 255))),
    st.integers(0, 900),
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_told_without_pillow_is_what_pillow_tells(
    name: str, changes: list[tuple[int, int]], head_bytes: int
) -> None:
    content = bytearray(PLAIN[name])
    for at, value in changes[:5]:
        content[at] = value
    if told := ordinary_header(bytes(content[:head_bytes])):
        with Image.open(io.BytesIO(content)) as opened:
            assert (*told, "JPEG", 1) == (*opened.size, opened.mode, opened.format, getattr(opened, "n_frames", 1))
            assert opened.getexif().get(ORIENTATION, 1) == 1


def test_a_jpeg_with_thirty_kilobytes_of_exif_is_read_whole(request: Any) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "x" * 30_000
    content = saved(photo(), "jpeg", exif=exif)
    request.getfixturevalue("no_decoding")
    header = look(Header(), content)
    assert (header["width_px"], header["height_px"], header["orientation"]) == (96, 64, 6)


def test_a_picture_with_another_view_behind_it_is_still() -> None:
    content = saved(photo(3, (1200, 900)), "mpo", quality=95, save_all=True, append_images=[photo(4)])
    with Image.open(io.BytesIO(content)) as opened:
        assert (opened.format, opened.n_frames) == ("MPO", 2)
    header = look(Header(), content)
    assert len(content) > 16_384 and (header["frames"], header["width_px"], header["height_px"]) == (1, 1200, 900)
    assert (look(Pixels(), content)["phash"] ^ perceptual_hash(photo(3, (1200, 900)))).bit_count() <= 4


def bomb(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    shape = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", shape) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_is_measured_and_refused_before_it_is_decoded(no_decoding: None) -> None:
    content = bomb(30_000, 30_000)
    header = look(Header(), content)
    assert (header["width_px"], header["height_px"]) == (30_000, 30_000)
    with pytest.raises(BadSample, match="too_many_pixels: 30000 x 30000"):
        look(Pixels(), content)


@pytest.mark.parametrize(
    "content", [b"", b"not a picture at all", b"<html>" * 100, b"\xff\xd8\xff", b"GIF89a", bomb(0, 5)]
)
def test_what_is_no_picture_has_an_unreadable_header(content: bytes) -> None:
    for annotator, reason in ((Header(), "unreadable_header"), (Pixels(), "undecodable")):
        with pytest.raises(BadSample) as raised:
            look(annotator, content)
        assert raised.value.reason == reason


def test_a_cut_jpeg_has_a_header_and_no_pixels() -> None:
    content = saved(photo(0, (300, 300)), "jpeg", quality=95)
    cut = content[: len(content) // 2]
    assert look(Header(), cut)["width_px"] == 300
    with pytest.raises(BadSample, match="undecodable"):
        look(Pixels(), cut)


BROKEN = {
    **{kind: saved(photo(1), kind) for kind in ("jpeg", "png", "bmp", "gif", "webp", "tiff")},
    "palette": saved(photo(1).convert("P"), "png", transparency=0),
    "cmyk": saved(photo(1).convert("CMYK"), "jpeg"),
    "animated": saved(photo(1), "gif", save_all=True, append_images=[photo(2)]),
    "apng": saved(photo(1), "png", save_all=True, append_images=[photo(2)]),
    "exif": saved(
        photo(1), "jpeg", exif=b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + bytes(40)
    ),
    "mpo": saved(photo(1), "mpo", save_all=True, append_images=[photo(2)]),
}


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(BROKEN)),
    st.lists(st.tuples(st.integers(0, 600) | st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 10_000),
)
@pytest.mark.filterwarnings("ignore")
def test_broken_bytes_are_noted_or_fail_for_a_stated_reason(
    name: str, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(BROKEN[name])
    for at, value in changes:
        content[at % len(content)] = value
    content = content[: cut % len(content)] if cut % 3 == 0 else content
    for annotator, reasons in (
        (Header(), {"unreadable_header"}),
        (Pixels(most_mpx=1), {"undecodable", "too_many_pixels"}),
    ):
        try:
            look(annotator, bytes(content))
        except BadSample as bad:
            assert bad.reason in reasons


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_pixels_are_measured_in_every_mode(kind: str, mode: str) -> None:
    rgb = photo(5)
    content = saved(in_mode(rgb, mode), kind)
    found = look(Pixels(), content)
    assert found["channel_std"] > 10 and found["top_colour_share"] < 0.9 and found["sharpness"] > 0
    if mode not in ("1", "P", "F", "RGBA"):
        assert (found["phash"] ^ perceptual_hash(rgb)).bit_count() <= 4


def test_a_perceptual_hash_is_imagehashs() -> None:
    for seed in range(40):
        for size in ((96, 64), (33, 200), (5, 5)):
            picture = photo(seed, size)
            theirs = int(str(imagehash.phash(picture)), 16)
            assert look(Pixels(), saved(picture, "png"))["phash"] == theirs == perceptual_hash(picture)


def test_a_perceptual_hash_of_a_photograph_is_imagehashs_but_for_the_smaller_decode(data: Path) -> None:
    pictures = sorted((data / "image_caption" / "coco_mini").rglob("*.jpg"))[:60]
    assert len(pictures) == 60
    for path in pictures:
        with Image.open(path) as picture:
            theirs = int(str(imagehash.phash(picture)), 16)
        assert (look(Pixels(), path.read_bytes())["phash"] ^ theirs).bit_count() <= 4, path
        with Image.open(path) as picture:
            assert perceptual_hash(picture.convert("RGB")) == theirs, path


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp"])
def test_a_solid_picture_is_seen_as_one(kind: str) -> None:
    found = look(Pixels(), saved(Image.new("RGB", (300, 200), (200, 30, 90)), kind))
    assert found["channel_std"] == 0 and found["top_colour_share"] == 1 and found["sharpness"] == 0


def test_two_halves_share_the_picture() -> None:
    picture = Image.new("RGB", (100, 80), "black")
    picture.paste("white", (0, 0, 25, 80))
    found = look(Pixels(), saved(picture, "png"))
    assert found["top_colour_share"] == 0.75 and found["channel_std"] == pytest.approx(255 * 0.1875**0.5, abs=1e-5)


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    half = Image.new("RGBA", (40, 40), (0, 0, 0, 128))
    assert look(Pixels(), saved(clear, "png")) == look(Pixels(), saved(Image.new("RGB", (40, 40), "white"), "png"))
    assert np.asarray(Image.alpha_composite(Image.new("RGBA", (40, 40), "white"), half))[0, 0, 0] == 127
    assert look(Pixels(), saved(half, "png"))["top_colour_share"] == 1


def test_sharpness_is_the_variance_of_four_neighbours_against_the_middle() -> None:
    board = (np.indices((20, 30)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert look(Pixels(), saved(Image.fromarray(board), "png"))["sharpness"] == 1020**2
    assert laplacian_variance(np.zeros((2, 9))) == 0


def test_sharpness_means_the_same_in_every_format_and_size() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    large = Image.fromarray(noise).resize((1600, 1200), Image.Resampling.BICUBIC)
    copies = [saved(large, "png"), saved(large, "jpeg", quality=95), saved(large.resize((800, 600)), "png")]
    measured = [look(Pixels(), copy)["sharpness"] for copy in copies]
    assert max(measured) < 1.1 * min(measured)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (2, 3)])
def test_a_tiny_picture_is_measured(size: tuple[int, int]) -> None:
    assert look(Pixels(), saved(photo(0, size), "png"))["sharpness"] == 0


def test_a_sample_without_a_picture_is_told_apart() -> None:
    bare = Subject(Sample("0" * 32, (Text("a"),), Source("d", "r")), "", (), {}, Read(b""))
    with Header().open() as looking:
        [found] = looking([bare])
    assert isinstance(found, BadSample) and found.reason == "no_picture"


SENTENCES = {
    "en": "Two dogs are running across the wet grass in front of the old house.",
    "de": "Zwei Hunde laufen über das nasse Gras vor dem alten Haus und bellen laut.",
    "fr": "Deux chiens courent dans l'herbe mouillée devant la vieille maison du village.",
    "zh": "今天早上，两只狗在老房子前面湿漉漉的草地上奔跑，孩子们在旁边看着它们玩球。",
}


def test_plain_sentences_are_known_by_their_language() -> None:
    found = look(Language(), b"", *SENTENCES.values())
    assert found["text_language"] == list(SENTENCES)
    assert min(found["text_language_share"]) > 0.9


def test_of_a_long_text_only_the_beginning_is_read() -> None:
    english, german = SENTENCES["en"], SENTENCES["de"]
    long = look(Language(most_chars=60), b"", english + german * 100)
    assert long == look(Language(), b"", english[:60])
    assert look(Language(), b"") == {"text_language": [], "text_language_share": []}


def test_any_text_has_some_language() -> None:
    with Language().open() as looking:

        @given(st.text(max_size=200))
        @settings(max_examples=100)
        def check(text: str) -> None:
            [found] = looking([subject(b"", text)])
            assert isinstance(found, Noted) and len(found.values["text_language"]) == 1

        check()
