"""CLIP scores: the same as bare open_clip's, whoever is looked at beside, and refused without good weights."""

from __future__ import annotations

import io
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import product
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw

from annotators.annotator import Look, Subject
from annotators.clip import BATCH, Clip
from annotators.clip_checkpoint import CONFIG, WEIGHTS, Checkpoint
from annotators.small_clip import train_small_clip
from annotators.torchvision_ready import torchvision_ready
from filters.columns import Columns
from filters.filter import KEEP
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.local import Local
from pipelines.recipe import Keep
from pipelines.recipes import find_recipe
from pipelines.run import run
from pipelines.shelf import Shelf
from pipelines.value import annotator_id
from schemas.errors import BadInput, BadSample
from schemas.sample import Image, Sample, Source, Text

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 220), "yellow": (230, 210, 40)}
PLACES = {"left": 0, "middle": 48, "right": 96}
SHAPES = ("square", "circle", "bar")
STEPS = 120


def drawn(colour: str, shape: str, place: str) -> bytes:
    picture = Picture.new("RGB", (144, 96), (250, 250, 250))
    pen, x = ImageDraw.Draw(picture), PLACES[place]
    box = (x + 4, 40, x + 44, 56) if shape == "bar" else (x + 4, 28, x + 44, 68)
    (pen.ellipse if shape == "circle" else pen.rectangle)(box, fill=COLOURS[colour])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


PAIRS = [(drawn(c, s, p), f"a {c} {s} on the {p}") for c, s, p in product(COLOURS, SHAPES, PLACES)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of the drawn pictures, trained here on one thread, since other tests run beside."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("weights") / "small"
    train_small_clip([(data, [text]) for data, text in PAIRS], str(folder), STEPS)
    return folder


@pytest.fixture(scope="module")
def look(weights: Path) -> Iterator[Look]:
    with Clip().given(str(weights)).open() as opened:
        yield opened


def subject(data: bytes, *texts: str) -> Subject:
    picture = Image(sha256(data).hexdigest(), len(data), "png")
    sample = Sample("0" * 32, (picture, *(Text(text, "caption") for text in texts)), Source("d", "n"))
    return Subject(sample, "m", (0, 0), {}, lambda url, offset, size_bytes: data[offset : offset + size_bytes])


def noted(look: Look, subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    found = look(subjects)
    assert not [one for one in found if isinstance(one, BadSample)]
    return [one.values for one in found]  # type: ignore[union-attr]


def shelf_of(folder: Path, pairs: Sequence[tuple[bytes, str]], name: str = "shelf") -> Shelf:
    source = folder / "source"
    there = source.is_dir()
    source.mkdir(parents=True, exist_ok=True)
    for number, (data, text) in enumerate(() if there else pairs):
        (source / f"{number:03}.png").write_bytes(data)
        (source / f"{number:03}.txt").write_text(text)
    shelf = Shelf(str(folder / name))
    ingest(shelf, str(source), Local(1), cut=Cut(rows=12))
    return shelf


def tree(shelf: Shelf) -> dict[str, str]:
    files = [path for path in Path(shelf.root).rglob("*") if path.is_file()]
    named = {str(path.relative_to(shelf.root)): sha256(path.read_bytes()).hexdigest() for path in files}
    return {name: digest for name, digest in named.items() if not name.startswith("runs")}


def said(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *arguments], capture_output=True, text=True)
    return done.stdout + done.stderr


def test_of_scores_around_the_threshold_only_what_is_above_stays() -> None:
    [above] = [
        step.filter
        for step in find_recipe("caption-clip").steps
        if isinstance(step, Keep) and step.filter.reads == ("clip_score",)
    ]
    judged = above.judge_columns(Columns(3, {"clip_score": np.array([0.29, 0.30, 0.31])}))
    assert (judged.reason == KEEP).tolist() == [False, False, True]


def test_what_belongs_together_stays_and_what_was_shuffled_goes(weights: Path, tmp_path: Path) -> None:
    texts = [text for _, text in PAIRS]
    shifted = [(data, text) for (data, _), text in zip(PAIRS, texts[7:] + texts[:7], strict=True)]
    recipe = find_recipe("caption-small").given({"clip": str(weights)})
    kept = [
        run(shelf_of(tmp_path / name, pairs), recipe, Local(1))["kept"]
        for name, pairs in (("a", PAIRS), ("b", shifted))
    ]
    assert kept[0] > len(PAIRS) / 2 and kept[1] < len(PAIRS) / 10


def test_one_worker_and_two_write_the_same_bytes(weights: Path, tmp_path: Path) -> None:
    recipe = find_recipe("caption-small").given({"clip": str(weights)})
    shelves = [shelf_of(tmp_path, PAIRS, name) for name in ("a", "b")]
    for workers, shelf in enumerate(shelves, 1):
        run(shelf, recipe, Local(workers))
    assert tree(shelves[0]) == tree(shelves[1])


def test_a_note_does_not_depend_on_who_is_looked_at_beside(look: Look) -> None:
    subjects = [subject(data, text) for data, text in PAIRS]
    together = noted(look, subjects)
    assert len(subjects) > 2 * BATCH
    order = random.Random(0).sample(range(len(PAIRS)), len(PAIRS))
    assert noted(look, [subjects[n] for n in order]) == [together[n] for n in order]
    assert [noted(look, [one])[0] for one in subjects[:3]] == together[:3]


def test_scores_and_embeddings_are_bare_open_clips(look: Look, weights: Path) -> None:
    import torch

    torchvision_ready()
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{weights}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{weights}")
    pairs = [PAIRS[0], (PAIRS[0][0], PAIRS[9][1]), PAIRS[20]]
    with torch.inference_mode():
        pictures = torch.stack([preprocess(Picture.open(io.BytesIO(data)).convert("RGB")) for data, _ in pairs])
        pictures_BD = model.eval().encode_image(pictures, normalize=True)
        scores_B = (pictures_BD * model.encode_text(tokenizer([text for _, text in pairs]), normalize=True)).sum(-1)
    ours = noted(look, [subject(data, text) for data, text in pairs])
    assert [one["clip_score"] for one in ours] == pytest.approx(scores_B.tolist(), abs=1e-5)
    assert np.allclose([one["embedding"] for one in ours], pictures_BD.numpy(), atol=1e-5)


def test_a_broken_picture_is_one_failed_sample_of_its_batch(look: Look) -> None:
    good = [subject(data, text) for data, text in PAIRS[:5]]
    broken = subject(PAIRS[5][0][:200], "a red bar on the right")
    found = look([*good[:2], broken, *good[2:]])
    bad = found.pop(2)
    assert isinstance(bad, BadSample) and bad.reason == "undecodable"
    assert found == look(good)


def test_the_first_text_is_scored_and_none_scores_nan(look: Look) -> None:
    data, text = PAIRS[0]
    first, other, none = noted(
        look, [subject(data, text, PAIRS[9][1]), subject(data, PAIRS[9][1], text), subject(data)]
    )
    assert first["clip_score"] > other["clip_score"] and isnan(none["clip_score"])
    assert first["embedding"] == none["embedding"]


def test_a_text_longer_than_the_model_reads_is_cut(look: Look) -> None:
    data, text = PAIRS[0]
    long, longer = noted(look, [subject(data, f"{text} {'and ' * 100}"), subject(data, f"{text} {'and ' * 200}")])
    assert long == longer


def test_a_picture_is_seen_upright_and_on_white(look: Look) -> None:
    data, text = PAIRS[3]
    upright = Picture.open(io.BytesIO(data))
    turned = upright.transpose(Picture.Transpose.ROTATE_90)
    exif = Picture.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    turned.save(out, "PNG", exif=exif)
    stored = noted(look, [subject(data, text), subject(out.getvalue(), text)])
    assert stored[0] == stored[1]


def test_the_fingerprint_is_of_the_weights_and_not_of_their_place(weights: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(weights, moved)
    ids = [annotator_id(Clip().given(str(folder)), ()) for folder in (weights, moved)]
    train_small_clip([(data, [text]) for data, text in PAIRS[:4]], str(moved), 1)
    assert ids[0] == ids[1] != annotator_id(Clip().given(str(moved)), ())


def test_the_same_pairs_make_the_same_weights(tmp_path: Path) -> None:
    pairs = [(data, [text]) for data, text in PAIRS[:6]]
    for name in ("a", "b"):
        train_small_clip(pairs, str(tmp_path / name), 3)
    assert (tmp_path / "a" / WEIGHTS[0]).read_bytes() == (tmp_path / "b" / WEIGHTS[0]).read_bytes()


@pytest.mark.parametrize("recipe", ["caption-small", "caption-clip"])
def test_without_weights_the_run_refuses_before_any_work(recipe: str, tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path, PAIRS[:3])
    before = tree(shelf)
    with pytest.raises(BadInput, match="--weights clip=PATH"):
        run(shelf, find_recipe(recipe), Local(1))
    assert tree(shelf) == before


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["RAN"],)


def truncated(folder: Path) -> None:
    path = folder / WEIGHTS[0]
    path.write_bytes(path.read_bytes()[:-1000])


def of_another_grid(folder: Path) -> None:
    path = folder / CONFIG
    path.write_text(path.read_text().replace('"image_size": 64', '"image_size": 96'))


def deeper(folder: Path) -> None:
    path = folder / CONFIG
    path.write_text(path.read_text().replace('"layers": 2', '"layers": 3'))


def no_json(folder: Path) -> None:
    (folder / CONFIG).write_text("{")


def a_pickle(folder: Path) -> None:
    (folder / WEIGHTS[0]).unlink()
    (folder / WEIGHTS[1]).write_bytes(pickle.dumps(Runs(), 2))


def a_page(folder: Path) -> None:
    (folder / WEIGHTS[0]).unlink()
    (folder / WEIGHTS[1]).write_text("<html>Not found</html>")


@pytest.mark.parametrize("spoil", [truncated, of_another_grid, deeper, no_json, a_pickle, a_page])
def test_a_bad_checkpoint_is_refused_and_runs_nothing(
    spoil: Callable[[Path], None], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    folder = tmp_path / "spoilt"
    shutil.copytree(weights, folder)
    spoil(folder)
    with pytest.raises(BadInput) as refused:
        Clip().given(str(folder)).weights()
    assert str(folder) in str(refused.value) and not (tmp_path / "ran").exists()


def test_weights_of_another_model_or_place_are_refused(weights: Path, tmp_path: Path) -> None:
    for checkpoint, said in [
        (Checkpoint("RN50", str(weights / WEIGHTS[0])), "does not load as RN50"),
        (Checkpoint("ViT-Q-1", str(weights / WEIGHTS[0])), "no model called"),
        (Checkpoint("", str(weights / WEIGHTS[0])), "needs a model's name"),
        (Checkpoint("", str(tmp_path)), "is no checkpoint of open_clip"),
        (Checkpoint("", str(tmp_path / "nowhere")), "no such file or folder"),
    ]:
        with pytest.raises(BadInput, match=said):
            checkpoint.digests()


def test_the_command_line_makes_weights_and_takes_them_by_name(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path, PAIRS)
    to = str(tmp_path / "made")
    assert "a model of 36 pictures" in said("weights", "--shelf", shelf.url, "--to", to, "--steps", "2")
    run_small = ["run", "caption-small", "--shelf", shelf.url, "--weights"]
    assert "kept" in said(*run_small, f"clip={to}")
    assert "given twice" in said(*run_small, f"clip={to}", "--weights", "clip=x")
    assert "give NAME=VALUE" in said(*run_small, "clip")
    for name, told in (("clip", "no annotator called clip"), ("header", "takes no weights")):
        with pytest.raises(BadInput, match=told):
            find_recipe("caption-light").given({name: to})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_model_runs_on_one_thread(look: Look) -> None:
    import torch

    noted(look, [subject(*PAIRS[0])])
    assert torch.get_num_threads() == 1
