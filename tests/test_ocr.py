"""Scene text: what PaddleOCR reads, where it stands on the stored picture, and which pictures have any."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont, ImageOps

from annotators.annotator import Look, Subject
from annotators.ocr import Ocr
from annotators.ocr_models import DESCRIPTION, DETECTION, MODEL, RECOGNITION, Models
from annotators.stored_pixels import stored_point, upright_point
from filters.scenetext import HasSceneText
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.drawn import LINE, drawn
from pipelines.query.show import sample_at, write_drawn
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.value import annotator_id
from pipelines.run.run import run
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample
from schemas.note import Note, Noted, Quad
from schemas.sample import Image, Sample, Source

WORDS = ("HARBOUR", "Street 42")
ORIENTATIONS = range(1, 9)


def written(size: tuple[int, int] = (640, 320), words: tuple[str, ...] = WORDS) -> Picture.Image:
    picture = Picture.new("RGB", size, (245, 240, 230))
    pen = ImageDraw.Draw(picture)
    for place, word in enumerate(words):
        pen.text((60, 50 + 120 * place), word, fill=(20, 30, 60), font=ImageFont.load_default(64))
    return picture


def as_bytes(picture: Picture.Image, kind: str = "PNG", **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def subject(data: bytes) -> Subject:
    sample = Sample("0" * 32, (Image(sha256(data).hexdigest(), len(data), "png"),), Source("d", "n"))
    return Subject(sample, "m", (0,), {}, lambda url, offset, size_bytes: data[offset : offset + size_bytes])


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    with Ocr().open() as opened:
        yield opened


def read(look: Look, data: bytes) -> Noted:
    [found] = look([subject(data)])
    assert isinstance(found, Noted)
    return found


def quads(noted: Noted) -> list[tuple[tuple[float, float], ...]]:
    return [note.at.corners_px for note in noted.places if note.name == "scene_text" and isinstance(note.at, Quad)]


def test_words_are_read_with_confidence_and_corners_around_their_ink(look: Look) -> None:
    picture = written()
    noted = read(look, as_bytes(picture))
    assert noted.values["scene_texts"] == list(WORDS)
    assert min(noted.values["scene_text_confidences"]) > 0.9
    ink = np.asarray(picture.convert("L")) < 128
    for corners, rows in zip(quads(noted), (slice(40, 150), slice(150, 290)), strict=True):
        y, x = np.nonzero(ink[rows])
        left, top = min(x for x, _ in corners), min(y for _, y in corners)
        right, bottom = max(x for x, _ in corners), max(y for _, y in corners)
        assert left <= x.min() + 4 and right >= x.max() - 4
        assert top <= y.min() + rows.start + 4 and bottom >= y.max() + rows.start - 4
        assert (right - left) * (bottom - top) < 3 * (np.ptp(x) + 1) * (np.ptp(y) + 1)
    boxes = np.array(noted.values["scene_text_boxes"]).reshape(-1, 4)
    shares = [
        [min(c[0] for c in q) / 640, min(c[1] for c in q) / 320, max(c[0] for c in q) / 640] for q in quads(noted)
    ]
    assert np.allclose(boxes[:, :3], shares, atol=1e-3)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_points_go_between_stored_and_upright_as_pillow_turns_pixels(
    width: int, height: int, data: st.DataObject
) -> None:
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    for orientation in ORIENTATIONS:
        stored = np.zeros((height, width), np.uint8)
        stored[y, x] = 255
        picture = Picture.fromarray(stored)
        exif = Picture.Exif()
        exif[0x0112] = orientation
        picture.info["exif"] = exif.tobytes()
        picture.getexif()[0x0112] = orientation
        [[at_y, at_x]] = np.argwhere(np.asarray(ImageOps.exif_transpose(picture)))
        assert stored_point(orientation, width, height, (at_x + 0.5, at_y + 0.5)) == (x + 0.5, y + 0.5)
        assert upright_point(orientation, width, height, (x + 0.5, y + 0.5)) == (at_x + 0.5, at_y + 0.5)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_picture_that_lies_on_its_side_is_read_and_its_corners_are_in_stored_pixels(look: Look, kind: str) -> None:
    upright = read(look, as_bytes(written()))
    exif = Picture.Exif()
    exif[0x0112] = 6
    turned = read(look, as_bytes(written().transpose(Picture.Transpose.ROTATE_90), kind, exif=exif))
    assert turned.values == upright.values
    expected = [[stored_point(6, 320, 640, corner) for corner in corners] for corners in quads(upright)]
    assert np.allclose(quads(turned), expected)


@pytest.mark.parametrize(
    ("turn", "orientation", "order"),
    [
        (Picture.Transpose.ROTATE_90, 6, (0, 1)),
        (Picture.Transpose.ROTATE_180, 3, (1, 0)),
        (Picture.Transpose.ROTATE_270, 8, (1, 0)),
    ],
)
def test_turned_text_is_read_and_its_first_corner_is_where_the_writing_begins(
    look: Look, turn: Picture.Transpose, orientation: int, order: tuple[int, int]
) -> None:
    upright = read(look, as_bytes(written()))
    turned = read(look, as_bytes(written().transpose(turn)))
    sides = (640, 320) if orientation == 3 else (320, 640)
    there = [[stored_point(orientation, *sides, corner) for corner in corners] for corners in quads(upright)]
    assert turned.values["scene_texts"] == [WORDS[at] for at in order]
    assert np.allclose(quads(turned), [there[at] for at in order], atol=8)
    heights = upright.values["scene_text_heights_px"]
    assert np.allclose(turned.values["scene_text_heights_px"], [heights[at] for at in order], atol=12)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_every_mode_is_read(look: Look, mode: str) -> None:
    if mode == "I;16":
        picture = Picture.fromarray(np.asarray(written().convert("L")).astype(np.uint16) * 256)
    else:
        picture = written().convert(mode)
    data = as_bytes(picture, "TIFF" if mode == "CMYK" else "PNG")
    assert read(look, data).values["scene_texts"] == list(WORDS)


@pytest.mark.parametrize("size", [(640, 320), (1, 1), (1, 5000)])
def test_a_blank_picture_has_no_text(look: Look, size: tuple[int, int]) -> None:
    blank = read(look, as_bytes(Picture.new("RGB", size, "white")))
    assert blank == Noted({name: [] for name in blank.values})


def page(size: tuple[int, int], rows: Sequence[tuple[int, int, str]]) -> tuple[bytes, list[tuple[float, ...]]]:
    """Return a page with a text at each place, and the boxes of their ink."""
    picture, font = Picture.new("RGB", size, "white"), ImageFont.load_default(24)
    pen = ImageDraw.Draw(picture)
    for x, y, text in rows:
        pen.text((x, y), text, fill="black", font=font)
    return as_bytes(picture), [pen.textbbox((x, y), text, font=font) for x, y, text in rows]


@pytest.mark.parametrize(
    ("size", "orientation", "rows"),
    [
        ((20_000, 160), 1, [(x, 60, f"page {x}") for x in range(30, 19_800, 700)]),
        ((160, 20_000), 6, [(10, y, f"page {y}") for y in range(30, 19_900, 700)]),
    ],
    ids=["wide", "tall and on its side"],
)
def test_a_long_picture_is_read_from_end_to_end_and_each_line_is_told_once(
    look: Look, size: tuple[int, int], orientation: int, rows: list[tuple[int, int, str]]
) -> None:
    data, ink = page(size, rows)
    if orientation == 6:
        exif = Picture.Exif()
        exif[0x0112] = 6
        with Picture.open(io.BytesIO(data)) as upright:
            data = as_bytes(upright.transpose(Picture.Transpose.ROTATE_90), exif=exif)
    noted = read(look, data)
    texts = [text for *_, text in rows]
    assert noted.values["scene_texts"] == texts
    stored = size if orientation == 1 else size[::-1]
    for box, corners in zip(ink, quads(noted), strict=True):
        upright_corners = [upright_point(orientation, *stored, corner) for corner in corners]
        around = (*np.min(upright_corners, axis=0), *np.max(upright_corners, axis=0))
        assert np.allclose(around, box, atol=12)


def test_a_line_that_runs_through_many_strips_is_one_line(look: Look) -> None:
    text = " ".join(f"harbour {number}" for number in range(100, 130))
    data, [ink] = page((5000, 120), [(30, 40, text)])
    noted = read(look, data)
    assert noted.values["scene_texts"] == [text]
    assert np.allclose([*np.min(quads(noted)[0], axis=0), *np.max(quads(noted)[0], axis=0)], ink, atol=12)


def test_a_broken_picture_is_one_failed_sample(look: Look) -> None:
    good = as_bytes(written())
    first, broken, last = look([subject(good), subject(good[:2000]), subject(good)])
    assert isinstance(broken, BadSample) and broken.reason == "undecodable"
    assert first == last and isinstance(first, Noted)


@pytest.mark.parametrize(
    ("text", "confidence", "height_px", "kept"),
    [("ab", 0.6, 8.0, True), ("ab", 0.59, 8.0, False), ("ab", 0.6, 7.9, False), ("a ", 0.9, 30.0, False)],
)
def test_a_line_is_valid_by_confidence_height_and_length(
    text: str, confidence: float, height_px: float, kept: bool
) -> None:
    notes = {"scene_texts": [text], "scene_text_confidences": [confidence], "scene_text_heights_px": [height_px]}
    verdict = HasSceneText().judge(notes)
    assert verdict.keep == kept and verdict.measured == float(kept)
    assert verdict.reason == ("" if kept else "no_scene_text")


def test_pictures_with_text_stay_on_one_worker_and_two_with_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "sign.png").write_bytes(as_bytes(written()))
    (source / "wall.png").write_bytes(as_bytes(written(words=())))
    (source / "torn.png").write_bytes(as_bytes(written())[:3000])
    (source / "turned.png").write_bytes(as_bytes(written().transpose(Picture.Transpose.ROTATE_180)))
    (source / "tiny.png").write_bytes(as_bytes(Picture.new("RGB", (1, 1))))
    trees = []
    for workers in (1, 2):
        shelf = Shelf(str(tmp_path / f"shelf{workers}"))
        ingest(shelf, str(source), Local(workers), cut=Cut(rows=3))
        assert len(shelf.shards()) == 2
        assert run(shelf, find_recipe("scene-text"), Local(workers)) == {"kept": 2, "dropped": 2, "failed": 1}
        files = sorted(path for path in Path(shelf.root).rglob("*") if path.is_file())
        trees.append({str(p.relative_to(shelf.root)): p.read_bytes() for p in files if "runs" not in p.parts})
    assert trees[0] == trees[1]
    with connected(shelf) as db:
        shown = sample_at(db, shelf, "sign.png")
    assert write_drawn(shelf, shown, str(tmp_path / "drawn.png")) == 2 * len(WORDS)
    with Picture.open(tmp_path / "drawn.png") as picture:
        assert LINE in {colour for _, colour in picture.getcolors(1 << 20)}
    with pytest.raises(BadInput, match="ends in"):
        write_drawn(shelf, shown, str(tmp_path / "drawn.what"))


def test_what_is_drawn_stands_where_the_note_says() -> None:
    exif = Picture.Exif()
    exif[0x0112] = 8
    data = as_bytes(Picture.new("RGB", (800, 1000), "white"), exif=exif)
    note = Note("object", "cat", Quad(0, ((100, 700), (300, 700), (300, 900), (100, 900))))
    picture = drawn(data, [note])
    assert picture.size == (1000, 800)
    lined = np.argwhere((np.asarray(picture) == LINE).all(-1))
    (top, left), (bottom, right) = lined.min(0), lined.max(0)
    assert (left, top, right, bottom) == pytest.approx((700, 500, 900, 700), abs=2)


def test_many_lines_are_drawn_with_their_texts_on_a_page_beside() -> None:
    rows = [((20, y), (300, y), (300, y + 30), (20, y + 30)) for y in range(10, 910, 50)]
    picture = drawn(
        as_bytes(Picture.new("RGB", (800, 1000), "white")), [Note("scene_text", "x", Quad(0, at)) for at in rows]
    )
    assert picture.size == (1600, 1000)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of the extra as a folder of one's own."""
    folder = tmp_path_factory.mktemp("models")
    with Models().opened() as options:
        for kind, name in ((DETECTION, "text_detection_model_dir"), (RECOGNITION, "text_recognition_model_dir")):
            shutil.copytree(options[name], folder / kind)
    return folder


def test_models_of_ones_own_read_and_have_a_fingerprint_of_their_own(mine: Path) -> None:
    own = Ocr().given(str(mine))
    assert annotator_id(own, ()) != annotator_id(Ocr(), ())
    with own.open() as look:
        assert read(look, as_bytes(written())).values["scene_texts"] == list(WORDS)


def missing(folder: Path) -> Path:
    (folder / RECOGNITION / MODEL).unlink()
    return folder / RECOGNITION / MODEL


def truncated(folder: Path) -> Path:
    return put(folder / DETECTION / MODEL, (folder / DETECTION / MODEL).read_bytes()[:100_000])


def a_page(folder: Path) -> Path:
    return put(folder / RECOGNITION / MODEL, b"<html>Not found</html>")


def swapped(folder: Path) -> Path:
    (folder / DETECTION).rename(folder / "other")
    (folder / RECOGNITION).rename(folder / DETECTION)
    (folder / "other").rename(folder / RECOGNITION)
    return folder / DETECTION / MODEL


def no_yaml(folder: Path) -> Path:
    return put(folder / RECOGNITION / DESCRIPTION, b"a: b: [")


def python_in_yaml(folder: Path) -> Path:
    return put(folder / RECOGNITION / DESCRIPTION, b"!!python/object/apply:os.mkdir [ran]")


def of_another_alphabet(folder: Path) -> Path:
    return redescribed(folder / RECOGNITION / DESCRIPTION, lambda told: told["PostProcess"]["character_dict"].pop())


def nameless(folder: Path) -> Path:
    return redescribed(folder / DETECTION / DESCRIPTION, lambda told: told.pop("Global"))


def of_no_known_name(folder: Path) -> Path:
    redescribed(folder / DETECTION / DESCRIPTION, lambda told: told["Global"].update(model_name="mine"))
    return folder


def put(path: Path, data: bytes) -> Path:
    """Write a file anew, which is a link to a good one."""
    path.unlink()
    path.write_bytes(data)
    return path


def redescribed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    told = json.loads(path.read_text())
    change(told)
    return put(path, json.dumps(told).encode())


@pytest.mark.parametrize(
    "spoil",
    [
        missing,
        truncated,
        a_page,
        swapped,
        no_yaml,
        python_in_yaml,
        of_another_alphabet,
        nameless,
        of_no_known_name,
    ],
)
def test_models_that_do_not_work_are_refused_before_any_work_in_one_line_that_names_them(
    spoil: Callable[[Path], Path], mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "spoilt"
    shutil.copytree(mine, folder, copy_function=os.link)
    path = spoil(folder)
    with pytest.raises(BadInput) as refused:
        Ocr().given(str(folder)).weights()
    told = str(refused.value)
    assert f"annotator ocr, {path}:" in told and "--weights ocr=FOLDER" in told and "\n" not in told
    assert not (tmp_path / "ran").exists()


def test_a_run_with_a_folder_without_models_writes_nothing(
    tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "sign.png").write_bytes(as_bytes(written()))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(1))
    before = tree_digest(Path(shelf.root))
    with pytest.raises(BadInput, match="it is missing"):
        run(shelf, find_recipe("scene-text").given({"ocr": str(source)}), Local(1))
    assert tree_digest(Path(shelf.root)) == before
