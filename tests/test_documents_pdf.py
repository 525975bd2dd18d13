"""PDFs taken apart: reading order, pictures at their places in their own bytes, and files that are no documents."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from difflib import SequenceMatcher
from importlib import import_module
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from pipelines.documents.pdf import take_apart
from pipelines.documents.pieces import Held, Piece, Words
from schemas.errors import BadSample

sys.path.insert(0, str(Path(__file__).parent))
plain: Any = import_module("plain_pdf")
Line, pdf = plain.Line, plain.pdf
Jpeg, Raw = plain.Jpeg, plain.Raw
Picture = Callable[..., bytes]


def told(found: list[Piece]) -> list[str]:
    return [f"{one.role}: {one.text}" if isinstance(one, Words) else "picture" for one in found]


def alike(ours: str, theirs: str) -> float:
    words = (re.findall(r"\w+", text) for text in (ours, theirs))
    return SequenceMatcher(None, *words, autojunk=False).ratio()


@pytest.fixture
def jpeg(picture: Picture) -> Any:
    return Jpeg(picture(1, (64, 48)), (64, 48), (72, 500, 272, 640))


def test_texts_and_pictures_come_in_the_order_of_reading(jpeg: Any) -> None:
    page: list[Any] = [
        Line("A harbour", 72, 700, 18),
        jpeg,
        Line("The first paragraph stands above the pic-", 72, 660),
        Line("ture and goes on in a second line.", 72, 648),
        Line("Figure 1. The harbour from the sea.", 72, 488),
        Line("Another paragraph stands below it, apart from it.", 72, 460),
    ]
    assert told(take_apart(pdf([page])).pieces) == [
        "heading: A harbour",
        "paragraph: The first paragraph stands above the picture and goes on in a second line.",
        "picture",
        "caption: Figure 1. The harbour from the sea.",
        "paragraph: Another paragraph stands below it, apart from it.",
    ]


@pytest.mark.parametrize("in_form", [False, True])
def test_two_columns_are_read_one_after_the_other_and_a_picture_stays_in_its_own(jpeg: Any, in_form: bool) -> None:
    left = [Line(f"Line {n} of the left column", 72, 700 - 12 * n) for n in range(5)]
    right = [Line(f"Line {n} of the right column", 320, 700 - 12 * n) for n in range(5)]
    in_right = jpeg._replace(box=(320, 500, 520, 640), in_form=in_form)
    after = [Line("Below the picture on the right", 320, 480), Line("Far below at its end there is more", 320, 120)]
    found = told(take_apart(pdf([[*left, *right, in_right, *after]])).pieces)
    assert [one.partition(": ")[2][:25] or one for one in found] == [
        "Line 0 of the left column",
        "Line 0 of the right colum",
        "picture",
        "Below the picture on the ",
        "Far below at its end ther",
    ]


def test_a_jpeg_in_it_keeps_its_bytes_and_samples_become_a_png_without_loss(jpeg: Any) -> None:
    rgb = bytes(range(192))
    page: list[Any] = [
        Line("Words enough for a page that is not a scan.", 72, 700),
        jpeg,
        Raw(rgb, (8, 8), (72, 72, 99, 99)),
    ]
    first, second = [one for one in take_apart(pdf([page])).pieces if isinstance(one, Held)]
    assert first.data == jpeg.data
    assert second.data.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(second.data)).convert("RGB").tobytes() == rgb


def test_a_picture_under_a_mask_is_as_it_is_shown() -> None:
    half = Raw(b"\xff\0\0" * 64, (8, 8), (72, 72, 272, 272), bytes((0,) * 4 + (255,) * 4) * 8)
    found = take_apart(pdf([[Line("Words enough for a page that is not a scan.", 72, 700), half]])).pieces
    [picture] = [one for one in found if isinstance(one, Held)]
    shown = Image.open(io.BytesIO(picture.data))
    assert shown.mode == "RGBA"
    assert (shown.getpixel((1, 4))[3], shown.getpixel((6, 4))) == (0, (255, 0, 0, 255))


def test_running_heads_and_page_numbers_are_no_text() -> None:
    pages: list[list[Any]] = [
        [
            Line(f"Annals of Harbours, volume {n}", 72, 760),
            Line(f"What page {n} says is its own.", 72, 400),
            Line(str(n + 1), 300, 30),
        ]
        for n in range(4)
    ]
    assert told(take_apart(pdf(pages)).pieces) == [f"paragraph: What page {n} says is its own." for n in range(4)]


SCAN = Jpeg(b"\xff\xd8\xff\xe0", (8, 8), (0, 0, 612, 792))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf([[Line("Words", 72, 700)]], encrypted=True), "pdf_encrypted"),
        (pdf([[Line("Words", 72, 700)]])[:200], "pdf_damaged"),
        (b"%PDF-1.7\nnothing of the kind", "pdf_damaged"),
        (b"", "pdf_damaged"),
        (pdf([[SCAN]] * 3), "pdf_scans_alone"),
        (pdf([[SCAN, Line("p 1", 300, 20)]] * 3), "pdf_scans_alone"),
        (pdf([[], []]), "nothing_in_it"),
    ],
)
def test_what_is_no_document_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadSample) as bad:
        take_apart(data)
    assert bad.value.reason == reason


def test_a_picture_that_cannot_be_decoded_is_stated_and_the_rest_stays() -> None:
    broken = Raw(b"too few samples", (4000, 4000), (72, 72, 99, 99))
    huge = Raw(b"", (60_000, 60_000), (72, 272, 99, 299))
    found = take_apart(pdf([[Line("Words enough for a page that is no scan.", 72, 700), broken, huge]])).pieces
    assert [one for one in found if isinstance(one, Words)] == [Words("Words enough for a page that is no scan.")]


def test_real_pdfs_are_read_no_worse_than_by_the_bare_library(data: Path) -> None:
    folder = data / "ocr" / "docling_pdf"
    gains = {}
    for reference in sorted((folder / "groundtruth").glob("*.md")):
        wanted = re.sub("<!--.*?-->", "", reference.read_text())
        source = (folder / "sources" / f"{reference.stem}.pdf").read_bytes()
        bare = "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(source))
        ours = "\n".join(one.text for one in take_apart(source).pieces if isinstance(one, Words))
        gains[reference.stem] = alike(ours, wanted) - alike(bare, wanted)
    assert len(gains) == 10
    assert min(gains.values()) > -0.005, gains
    assert gains["code_and_formula"] > 0.2 and gains["right_to_left_01"] > 0.07, gains
