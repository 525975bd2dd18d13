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
from annotators.clip_checkpoint import CONFIG, WEIGHTS
from annotators.small_clip import train_small_clip
from annotators.torchvision_ready import torchvision_ready
from filters.columns import Columns
from filters.filter import KEEP
from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.value import annotator_id
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.sample import Image, Sample, Source, Text

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 220), "yellow": (230, 210, 40)}
PLACES = {"left": 0, "middle": 48, "right": 96}
SHAPES = ("square", "circle", "bar")
STEPS = 70


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
def three(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A shelf of three pairs, for whoever is refused."""
    return shelf_of(tmp_path_factory.mktemp("three"), PAIRS[:3])


@pytest.fixture(scope="module")
def look(weights: Path) -> Iterator[Look]:
    with Clip().given(str(weights)).open() as opened:
        yield opened


def subject(data: bytes, *texts: str) -> Subject:
    picture = Image(sha256(data).hexdigest(), len(data), "png")
    sample = Sample("0" * 32, (picture, *(Text(text, "caption") for text in texts)), Source("d", "n"))
    return Subject(sample, "m", (0, 0), {}, lambda url, offset, size_bytes: data[offset : offset + size_bytes])


def noted(look: Look, subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    found = [one for one in look(subjects) if isinstance(one, Noted)]
    assert len(found) == len(subjects)
    return [one.values for one in found]


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


@pytest.fixture(scope="module")
def curated(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shelf, int]:
    """A shelf of the pairs that one process ran the small recipe over, and how many it kept."""
    shelf = shelf_of(tmp_path_factory.mktemp("curated"), PAIRS)
    return shelf, run(shelf, find_recipe("caption-small").given({"clip": str(weights)}), Local(1))["kept"]


def test_of_scores_around_the_threshold_only_what_is_above_stays() -> None:
    [above] = [
        step.filter
        for step in find_recipe("caption-clip").steps
        if isinstance(step, Keep) and step.filter.reads == ("clip_score",)
    ]
    judged = above.judge_columns(Columns(3, {"clip_score": np.array([0.29, 0.30, 0.31])}))
    assert (judged.reason == KEEP).tolist() == [False, False, True]


def test_what_belongs_together_stays_and_what_was_shuffled_goes(
    weights: Path, curated: tuple[Shelf, int], tmp_path: Path
) -> None:
    texts = [text for _, text in PAIRS]
    shifted = [(data, text) for (data, _), text in zip(PAIRS, texts[7:] + texts[:7], strict=True)]
    recipe = find_recipe("caption-small").given({"clip": str(weights)})
    assert curated[1] > len(PAIRS) / 2
    assert run(shelf_of(tmp_path, shifted), recipe, Local(1))["kept"] < len(PAIRS) / 10


def test_one_worker_and_two_write_the_same_bytes(weights: Path, curated: tuple[Shelf, int]) -> None:
    two = shelf_of(Path(curated[0].root).parent, PAIRS, "two")
    run(two, find_recipe("caption-small").given({"clip": str(weights)}), Local(2))
    assert tree(two) == tree(curated[0])


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
def test_without_weights_the_run_refuses_before_any_work(recipe: str, three: Shelf) -> None:
    before = tree(three)
    with pytest.raises(BadInput, match="--weights clip=PATH"):
        run(three, find_recipe(recipe), Local(1))
    assert tree(three) == before


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["RAN"],)


def truncated(folder: Path) -> Path:
    path = folder / WEIGHTS[0]
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def truncated_state(folder: Path) -> Path:
    path = as_state(folder, lambda state: None)
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def a_page(folder: Path) -> Path:
    (folder / WEIGHTS[0]).write_text("<html>Not found</html>")
    return folder / WEIGHTS[0]


def a_page_as_state(folder: Path) -> Path:
    (folder / WEIGHTS[0]).unlink()
    (folder / WEIGHTS[-1]).write_text("<html>Not found</html>")
    return folder / WEIGHTS[-1]


def a_pickle(folder: Path) -> Path:
    (folder / WEIGHTS[0]).unlink()
    (folder / WEIGHTS[-1]).write_bytes(pickle.dumps(Runs(), 2))
    return folder / WEIGHTS[-1]


def a_pickle_called_safetensors(folder: Path) -> Path:
    (folder / WEIGHTS[0]).write_bytes(pickle.dumps(Runs(), 2))
    return folder / WEIGHTS[0]


def a_pickle_in_a_state(folder: Path) -> Path:
    return as_state(folder, lambda state: state.update(extra=Runs()))


def no_state(folder: Path) -> Path:
    return as_state(folder, lambda state: state.clear())


def with_nan(folder: Path) -> Path:
    return as_state(folder, lambda state: state["text_projection"].view(-1)[:1].fill_(float("nan")))


def with_a_tensor_less(folder: Path) -> Path:
    return as_state(folder, lambda state: state.pop("text_projection"))


def with_a_tensor_more(folder: Path) -> Path:
    return as_state(folder, lambda state: state.update(other=state["text_projection"].clone()))


def of_another_shape(folder: Path) -> Path:
    return as_state(folder, lambda state: state.update(text_projection=state["text_projection"][:, 1:].clone()))


def as_state(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the weights changed, as torch saves them."""
    import torch
    from safetensors.torch import load_file

    state = load_file(folder / WEIGHTS[0])
    change(state)
    (folder / WEIGHTS[0]).unlink()
    torch.save(state, folder / WEIGHTS[-1])
    return folder / WEIGHTS[-1]


def configured(told: str, otherwise: str, at_fault: str = WEIGHTS[0]) -> Callable[[Path], Path]:
    def spoil(folder: Path) -> Path:
        config = (folder / CONFIG).read_text()
        assert told in config
        (folder / CONFIG).write_text(config.replace(told, otherwise))
        return folder / at_fault

    return spoil


def emptied(folder: Path) -> Path:
    for path in folder.iterdir():
        path.unlink()
    return folder


def gone(folder: Path) -> Path:
    shutil.rmtree(folder)
    return folder


BAD = {
    "truncated": (truncated, "no whole checkpoint"),
    "truncated state": (truncated_state, "no whole checkpoint"),
    "a page": (a_page, "no whole checkpoint"),
    "a page as state": (a_page_as_state, "no checkpoint, or it holds more than weights"),
    "a pickle": (a_pickle, "no checkpoint, or it holds more than weights"),
    "a pickle called safetensors": (a_pickle_called_safetensors, "no whole checkpoint"),
    "a pickle in a state": (a_pickle_in_a_state, "no checkpoint, or it holds more than weights"),
    "no state": (no_state, "no tensors by their names"),
    "not finite": (with_nan, "its text_projection is not finite"),
    "a tensor less": (with_a_tensor_less, 'Missing key.*"text_projection"'),
    "a tensor more": (with_a_tensor_more, 'Unexpected key.*"other"'),
    "another shape": (of_another_shape, "size mismatch for text_projection"),
    "another grid": (configured('"image_size": 64', '"image_size": 96'), "visual.positional_embedding is"),
    "other widths": (configured('"embed_dim": 128', '"embed_dim": 64'), "size mismatch for text_projection"),
    "deeper": (configured('"layers": 2', '"layers": 3'), "Missing key"),
    "no tokenizer": (configured('"vocab_size"', '"tokenizer_kwargs": {"x": 1}, "vocab_size"'), "unexpected keyword"),
    "no JSON": (configured("{", "", CONFIG), "it is no JSON"),
    "no configuration": (configured("text_cfg", "text", CONFIG), "it describes no model"),
    "empty": (emptied, "is no checkpoint of open_clip"),
    "gone": (gone, "No such file or directory"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_checkpoint_is_refused_before_any_work_in_one_line_and_runs_nothing(
    fault: str, weights: Path, three: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, why = BAD[fault]
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    folder = tmp_path / "spoilt"
    shutil.copytree(weights, folder)
    path = spoil(folder)
    before = tree(three)
    with pytest.raises(BadInput, match=why) as refused:
        run(three, find_recipe("caption-small").given({"clip": str(folder)}), Local(1))
    told = str(refused.value)
    assert told.startswith(f"{path}: ") and "\n" not in told and refused.value.remedy
    assert tree(three) == before and not (tmp_path / "ran").exists()


def test_weights_of_another_model_are_refused(weights: Path, three: Shelf, tmp_path: Path) -> None:
    file = str(weights / WEIGHTS[0])
    page = tmp_path / "vit-b-32.pt"
    page.write_text("<html>Not found</html>")
    for model, path, told in [
        ("RN50", file, f"{file}: it does not load as RN50"),
        ("ViT-B-33", file, "annotator clip: open_clip has no model called 'ViT-B-33'; .*ViT-B-32"),
        ("ViT-B-32", str(page), f"{page}: it is no checkpoint"),
        ("", file, f"{file}: a file of weights needs a model's name; add --with model=NAME"),
    ]:
        recipe = Recipe("clipped", Annotate(Clip(model=model, checkpoint=path)))
        with pytest.raises(BadInput, match=told):
            run(three, recipe, Local(1))
    assert not three.fs.exists(three.path("verdicts"))


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_weights_that_may_not_be_read_are_refused_with_their_path(weights: Path, tmp_path: Path, closed: str) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(weights, folder)
    path = folder / WEIGHTS[0] if closed == "file" else folder
    os.chmod(path, 0)
    script = (
        "import os, sys\n"
        "from annotators.clip import Clip\nfrom schemas.errors import BadInput\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n    Clip().given(sys.argv[1]).weights()\nexcept BadInput as bad:\n    print(bad)\n"
    )
    for above in (tmp_path, *tmp_path.parents[:3]):
        os.chmod(above, 0o755)
    told = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True)
    os.chmod(path, 0o755)
    assert told.stdout.startswith(f"{path}: it cannot be read (Permission denied); give --weights clip=PATH"), told


def test_of_several_weights_in_a_folder_those_are_digested_that_are_loaded(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(weights, folder)
    other = tmp_path / "other"
    train_small_clip([(data, [text]) for data, text in PAIRS[:4]], str(other), 1)
    as_state(folder, lambda state: None)
    shutil.copy(other / WEIGHTS[0], folder / WEIGHTS[1])
    with Clip().given(str(folder)).open() as both, Clip().given(str(other)).open() as alone:
        one = [subject(*PAIRS[0])]
        assert noted(both, one) == noted(alone, one)
    assert Clip().given(str(folder)).weights() == Clip().given(str(other)).weights()


def test_the_command_line_makes_weights_and_takes_them_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        try:
            main(arguments)
        except SystemExit as stop:
            assert stop.code == 2
        return "".join(capsys.readouterr())

    shelf = shelf_of(tmp_path, PAIRS[:12])
    to = str(tmp_path / "made")
    assert "a model of 12 pictures" in said("weights", "--shelf", shelf.url, "--to", to, "--steps", "2")
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
