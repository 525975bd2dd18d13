"""`ostraka train`, as a person uses it: a stage, the next one from its checkpoint, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import load_file

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from trainer.commands.train import train
from trainer.loop.checkpoint import steps

SMALL = ("--sequence", "192", "--batch", "2", "--steps", "3", "--picture-tokens", "16")
WORDS = ["barn", "beside", "river", "heron", "waits", "for", "morning", "train", "passing", "grey", "quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of drawn pictures with captions, some of them held out."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("data")
    source = folder / "source"
    source.mkdir()
    random = np.random.default_rng(0)
    for number in range(24):
        picture = Image.fromarray(random.integers(0, 255, (60 + number, 90, 3), np.uint8))
        made = io.BytesIO()
        picture.save(made, "PNG")
        (source / f"{number:02d}.png").write_bytes(made.getvalue())
        said = random.choice(WORDS, 8)
        (source / f"{number:02d}.txt").write_text(" ".join(said))
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(source), Local())
    run(shelf, find_recipe("headers-only"), Local())
    export(shelf, "data", str(folder / "export"), Local(), ExportOptions(splits={"val": 0.25}))
    return folder / "export"


def trained(*arguments: str | Path) -> Result:
    return CliRunner().invoke(train, [str(one) for one in arguments], catch_exceptions=True)


def refused(*arguments: str | Path) -> str:
    ended = trained(*arguments)
    assert ended.exit_code != 0
    return f"{ended.exception}"


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_stage_trains_from_an_export_to_a_model_and_the_next_begins_with_it(data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    ended = trained("pretrain", "--data", data, "--val", data, "--to", first, *SMALL)
    assert ended.exit_code == 0, ended.output
    assert f"{first}: 3 steps done now, 3 in all" in ended.output and "step 3/3  loss" in ended.output
    assert len(losses(first)) == 3 and losses(first)[-1] < losses(first)[0]
    [aside] = [json.loads(line) for line in (first / "held_out.jsonl").read_text().splitlines()]
    assert aside["step"] == 3 and set(aside["loss_by_kind"]) == {"caption"}
    assert "Loss on held-out data" in (first / "index.html").read_text()
    ended = trained("long_context", "--data", data, "--from", first, "--to", second, *SMALL)
    assert ended.exit_code == 0, ended.output
    assert losses(second)[0] < losses(first)[0], "it goes on from what was learnt"
    assert (second / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()


def test_the_held_out_loss_is_over_every_sample_of_the_split_once(data: Path, tmp_path: Path) -> None:
    ended = trained("pretrain", "--data", data, "--val", data, "--to", tmp_path / "run", *SMALL)
    assert ended.exit_code == 0, ended.output
    [aside] = [json.loads(line) for line in (tmp_path / "run" / "held_out.jsonl").read_text().splitlines()]
    [rows] = [np.load(path) for path in (Path(f"{data}.lengths")).glob("val-*/**/*.npy")]
    assert aside["targets_by_kind"] == {"caption": int(rows["targets"].sum())}


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    longer = (*SMALL[:4], "--steps", "24", *SMALL[6:], "--checkpoint-every", "6", "--val", str(data))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert trained("pretrain", "--data", data, "--to", whole, *longer).exit_code == 0
    arguments = ["pretrain", "--data", str(data), "--to", str(cut), *longer]
    call = f"from trainer.commands.train import train; train({arguments!r})"
    process = subprocess.Popen([sys.executable, "-c", call], env=os.environ | {"OMP_NUM_THREADS": "1"})
    while not steps(str(cut / "checkpoints")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = len(losses(cut))
    assert done < 24
    ended = trained(*arguments)
    assert ended.exit_code == 0, ended.output
    assert losses(cut) == losses(whole)
    looked = (whole / "held_out.jsonl").read_text()
    assert [json.loads(line)["step"] for line in looked.splitlines()] == [6, 12, 18, 24]
    assert (cut / "held_out.jsonl").read_text() == looked
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (whole, cut))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert "all of it was done" in trained(*arguments).output


def test_what_a_run_was_begun_with_is_what_it_goes_on_with(data: Path, tmp_path: Path) -> None:
    assert trained("pretrain", "--data", data, "--to", tmp_path / "run", *SMALL).exit_code == 0
    other = (*SMALL[:2], "--batch", "3", *SMALL[4:])
    assert "it was begun with sequences 2, not 3" in refused(
        "pretrain", "--data", data, "--to", tmp_path / "run", *other
    )
    assert "it was begun with name pretrain, not sft" in refused(
        "sft", "--data", data, "--to", tmp_path / "run", *SMALL
    )


def test_wrong_starts_are_refused_in_a_line(data: Path, tmp_path: Path) -> None:
    to = ("--data", data, "--to", tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing.txt").touch()
    assert "there is something else in it" in refused("pretrain", "--data", data, "--to", tmp_path / "other", *SMALL)
    assert "there is no stage 'train'" in refused("train", *to)
    assert "there is no preset 'huge'" in refused("pretrain", *to, "--preset", "huge")
    assert "no model is saved there" in refused("pretrain", *to, "--from", tmp_path / "other", *SMALL)
    assert "tensor parallelism over 2 ranks is not built yet" in refused(
        "pretrain", *to, "--preset", "9b-1l-1t", *SMALL
    )
    assert trained("pretrain", "--data", data, "--to", tmp_path / "first", *SMALL).exit_code == 0
    said = refused(
        "pretrain",
        "--data",
        data,
        "--to",
        tmp_path / "deep",
        "--from",
        tmp_path / "first",
        "--preset",
        "tiny-2l",
        *SMALL,
    )
    assert "is no tiny-2l with this tokenizer" in said and "give the preset that it was trained with" in said
