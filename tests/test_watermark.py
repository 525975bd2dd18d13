"""Watermarks: a mark laid over a picture is told from text that stands in the scene, by what it says and where."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageFont

from annotators.annotator import Subject
from annotators.check import check
from annotators.ocr import Ocr
from annotators.watermark import Piece, Watermark, mark_of
from filters.safety import NoWatermark
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.sample import Sample, Source
from schemas.vocabulary.safety import WATERMARKS

MIDDLE, BELOW, LARGE = (0.4, 0.45, 0.6, 0.5), (0.7, 0.94, 0.98, 0.98), (0.1, 0.4, 0.9, 0.6)
RECIPE = Recipe("unmarked", Annotate(Ocr()), Annotate(Watermark()), Keep(NoWatermark()))


def grid(text: str, side: int, *more: Piece) -> list[Piece]:
    """Return a text repeated all over a picture, `side` by `side` times."""
    step = 1 / side
    tiles = [Piece(text, x * step, y * step, x * step + 0.1, y * step + 0.04) for x in range(side) for y in range(side)]
    return [*tiles, *more]


@pytest.mark.parametrize(
    ("text", "box", "kind"),
    [
        ("shutterstock", MIDDLE, "stock_mark"),
        ("gettyimages®", MIDDLE, "stock_mark"),
        ("Image ID: 2JBK0R1 www.alamy.com", BELOW, "stock_mark"),
        ("iStock by Getty Images", MIDDLE, "stock_mark"),
        ("123RF.com", LARGE, "stock_mark"),
        ("dreamstime.com - 4711", BELOW, "stock_mark"),
        ("Stock Street market", MIDDLE, ""),
        ("a stocky photographer", BELOW, ""),
        ("SAMPLE", LARGE, "proof_mark"),
        ("Preview!", LARGE, "proof_mark"),
        ("do not copy", LARGE, "proof_mark"),
        ("SAMPLE", MIDDLE, ""),
        ("SAMPLE SALE TODAY", LARGE, ""),
        ("© Jane Doe 2019", BELOW, "copyright_line"),
        ("(c) 2009 J. Doe", BELOW, "copyright_line"),
        ("Photo by J. Doe", BELOW, "copyright_line"),
        ("Copyright J. Doe. All rights reserved.", BELOW, "copyright_line"),
        ("© Jane Doe 2019", MIDDLE, ""),
        ("(c)", BELOW, ""),
        ("@jane.doe_pics", BELOW, "handle"),
        ("IG: @jane.doe_pics", BELOW, "handle"),
        ("@jane.doe_pics", MIDDLE, ""),
        ("BAR WANG RICE@PERMAS JAYA", BELOW, ""),
        ("2 @ 4.50", BELOW, ""),
        ("www.janedoe.photo", BELOW, "link"),
        ("eldonbaldwin.com", BELOW, "link"),
        ("www.acme-removals.com", MIDDLE, ""),
        ("visit janedoe.com today", BELOW, ""),
        ("12.50", BELOW, ""),
        ("A. Smith & Co.", BELOW, ""),
        ("", BELOW, ""),
    ],
)
def test_what_is_a_mark_and_where(text: str, box: tuple[float, float, float, float], kind: str) -> None:
    assert mark_of([Piece("BUS STOP", 0.4, 0.2, 0.6, 0.3), Piece(text, *box)]) == (kind, text if kind else "")


@pytest.mark.parametrize("edge", [(0.9, 0.2, 0.93, 0.6), (0.02, 0.3, 0.05, 0.7), (0.4, 0.01, 0.7, 0.04), BELOW])
def test_a_small_line_along_any_edge_is_a_mark_and_a_large_one_is_not(edge: tuple[float, ...]) -> None:
    left, top, right, bottom = edge
    assert mark_of([Piece("@jane_doe", *edge)])[0] == "handle"
    assert mark_of([Piece("@jane_doe", left, top, max(right, left + 0.07), max(bottom, top + 0.07))]) == ("", "")


def test_one_text_all_over_a_picture_is_a_mark() -> None:
    assert mark_of(grid("J. Doe Fotografie", 3)) == ("tiled_text", "J. Doe Fotografie")
    assert mark_of(grid("sample", 3))[0] == "proof_mark"
    assert mark_of(grid("J. Doe Fotografie", 2)) == mark_of(grid("12.50", 4)) == ("", "")


def test_a_brand_along_a_hoarding_a_word_down_a_form_and_labels_of_a_diagram_are_none() -> None:
    along = [Piece("Cola", x / 8, 0.4, x / 8 + 0.1, 0.5) for x in range(8)]
    down = [Piece("Total", 0.1, y / 8, 0.2, y / 8 + 0.05) for y in range(8)]
    labels = grid("hydrogen", 3, *(Piece(f"label {n}", 0.5, 0.5, 0.6, 0.6) for n in range(10)))
    assert mark_of(along) == mark_of(down) == mark_of(labels) == mark_of([]) == ("", "")


def test_the_surest_mark_is_told() -> None:
    several = [Piece("www.doe.com", *BELOW), Piece("@jane_doe", *BELOW), Piece("alamy", *MIDDLE)]
    assert mark_of(several) == ("stock_mark", "alamy")
    assert mark_of(several[:2]) == ("handle", "@jane_doe")


def test_it_reads_lines_with_their_boxes() -> None:
    notes = {"scene_texts": ["BUS STOP", "@jane_doe"], "scene_text_boxes": np.array([*MIDDLE, *BELOW])}
    noted = Watermark().look(Subject(Sample("", (), Source("", "")), "", [], notes, lambda *_: b""))
    check(Watermark(), noted)
    assert noted.values == {"watermark": "handle", "watermark_text": "@jane_doe"}


def test_kinds_that_are_allowed_stay() -> None:
    judged = {kind: NoWatermark(("link", "handle")).judge({"watermark": kind}).reason for kind in ("", *WATERMARKS)}
    assert judged == {kind: "" if kind in ("", "link", "handle") else kind for kind in judged}


def drawn(*lines: tuple[str, tuple[int, int], int]) -> Image.Image:
    """Return a quiet sky with texts at places, of a size in pixels."""
    shade = np.linspace(60, 140, 480)[:, None, None] + np.zeros((480, 640, 3))
    picture = Image.fromarray((shade + np.array([0, 10, 40])).astype(np.uint8))
    for text, at, size_px in lines:
        ImageDraw.Draw(picture).text(at, text, "white", ImageFont.load_default(size_px))
    return picture


PICTURES: dict[str, tuple[Any, str]] = {
    "agency": (drawn(("shutterstock", (180, 210), 48)), "stock_mark"),
    "handle": (drawn(("BUS STOP", (200, 200), 60), ("@jane_doe", (500, 452), 18)), "handle"),
    "proof": (drawn(("SAMPLE", (120, 180), 110)), "proof_mark"),
    "tiled": (
        drawn(*(("DOE STUDIO", (20 + 210 * x, 40 + 110 * y), 26) for x in range(3) for y in range(4))),
        "tiled_text",
    ),
    "scene": (drawn(("BUS STOP", (200, 200), 60), ("www.acme.com", (200, 300), 30)), ""),
    "empty": (drawn(), ""),
}


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[Path], dict[str, str]]:
    """Run OCR and the filter over a folder, and return the reason by the picture's name."""
    pytest.importorskip("paddleocr", reason="the extra ocr is not installed")

    def judge(folder: Path) -> dict[str, str]:
        shelf = Shelf(str(tmp_path / "shelf"))
        ingest(shelf, str(folder), Local(1))
        run(shelf, RECIPE, Local(1))
        verdicts = pq.read_table(shelf.path("verdicts", RECIPE.id, "000000.parquet")).to_pydict()
        names = [name.rsplit(".", 1)[0] for name in shelf.catalog("000000")["name"].to_pylist()]
        return dict(zip(names, verdicts["reason"], strict=True))

    return judge


def test_marks_drawn_over_pictures_are_read_and_dropped_each_for_its_kind(
    tmp_path: Path, judged: Callable[[Path], dict[str, str]]
) -> None:
    (tmp_path / "source").mkdir()
    for name, (picture, _) in PICTURES.items():
        picture.save(tmp_path / "source" / f"{name}.png")
    assert judged(tmp_path / "source") == {name: kind for name, (_, kind) in PICTURES.items()}


def test_of_real_scenes_full_of_text_none_is_dropped_but_the_one_that_bears_its_makers_link(
    data: Path, tmp_path: Path, judged: Callable[[Path], dict[str, str]]
) -> None:
    (tmp_path / "source").mkdir()
    marked = data / "image_caption/coco_mini/train2017/000000232357.jpg"
    scenes = sorted((data / "ocr/icdar2015_mmocr").rglob("img_*.jpg"))
    assert len(scenes) > 5
    for path in (marked, *scenes):
        shutil.copy(path, tmp_path / "source")
    found = judged(tmp_path / "source")
    assert {name: kind for name, kind in found.items() if kind} == {"000000232357": "link"}


def test_a_watermark_is_looked_for_behind_ocr_alone() -> None:
    with pytest.raises(BadInput, match="scene_texts"):
        Recipe("wrong", Annotate(Watermark()))
    assert "ocr" not in [one.name for _, one in find_recipe("caption-safe").annotators()]
    marks = find_recipe("caption-safe", {"watermarks": "true", "score": "0.2"})
    assert [marks.step_name(place) for place in range(len(marks.steps))][-7:] == [
        *("contacts", "no_contacts", "nsfw", "max_nsfw", "ocr", "watermark", "no_watermark")
    ]
