"""A run goes on from its checkpoint to the bit, on other numbers of ranks to rounding, and stops where it must.

Ranks are real: processes that torch's launcher starts, over gloo.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from msgspec import structs
from safetensors.torch import load_file

from schemas.errors import BadInput, Unavailable
from trainer.attention import use_document_attention
from trainer.checkpoint import Checkpoints, load, path_of, read_state, steps
from trainer.forward import Trainee
from trainer.loop import Loop, Step, optimizer_of
from trainer.model import build
from trainer.pack import PackedBatch, pack
from trainer.parallel import Ranks, ranks
from trainer.presets import preset
from trainer.special import SpecialIds
from trainer.stages import pretrain, tiny

JOB = Path(__file__).with_name("trainer_job.py")
IMAGE = 130
IDS = SpecialIds(0, (0,), IMAGE, 131, 132, 133, 134, 135)
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


def started(folder: Path, what: str, count: int, *flags: str, among: int = 1) -> subprocess.Popen[str]:
    launch = () if among == 1 else (*LAUNCH, str(among))
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, *launch, str(JOB), str(folder), what, str(count), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def done(folder: Path, what: str, count: int, *flags: str, among: int = 1) -> dict[str, torch.Tensor]:
    process = started(folder, what, count, *flags, among=among)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return load_file(folder / f"{what}.safetensors")


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], prefix: str = "") -> float:
    names = sorted(name for name in one if name.startswith(prefix))
    assert names == sorted(name for name in other if name.startswith(prefix))
    left, right = (torch.cat([tensors[name].flatten().double() for name in names]) for tensors in (one, other))
    return float((left - right).norm() / left.norm())


def trainee() -> Trainee:
    torch.set_num_threads(1)
    model = build(preset("tiny"), IDS, 136, seed=3)
    use_document_attention(model)
    return Trainee(model)


def row(length: int = 64) -> PackedBatch:
    import numpy as np

    from trainer.document import Document

    tokens_T = np.arange(1, 40, dtype=np.int32)
    document = Document(
        "a", "text", tokens_T, tokens_T > 1, np.zeros((0, 3), np.int64), np.zeros((0, 1176), np.float32)
    )
    return pack([document], length, image_id=IMAGE, padding_id=0)


def test_two_ranks_have_the_gradient_of_one(tmp_path: Path) -> None:
    one, two = done(tmp_path / "1", "gradient", 1), done(tmp_path / "2", "gradient", 1, among=2)
    assert apart(one, two) < 2e-6


@pytest.mark.parametrize(("flags", "among"), [((), 1), ((), 2), (("--lean",), 1)], ids=["one", "two ranks", "lean"])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, flags: tuple[str, ...], among: int) -> None:
    whole = done(tmp_path / "whole", "train", 6, *flags, among=among)
    process = started(tmp_path / "cut", "train", 6, *flags, among=among)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("step 4"):
            break
    for rank in range(among):
        os.kill(int((tmp_path / "cut" / f"pid-{rank}").read_text()), signal.SIGKILL)
    process.communicate()
    assert steps(str(tmp_path / "cut" / "checkpoints"))[-1] in (2, 4)
    again = done(tmp_path / "cut", "train", 6, *flags, among=among)
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_a_run_goes_on_on_another_number_of_ranks(tmp_path: Path, before: int, after: int) -> None:
    done(tmp_path, "train", 4, among=before)
    shutil.copytree(tmp_path, tmp_path.with_name("other"))
    same = done(tmp_path, "train", 5, among=before)
    other = done(tmp_path.with_name("other"), "train", 5, among=after)
    assert apart(same, other, "weights.") < 2e-5


def test_how_a_step_is_cut_into_rows_does_not_weigh(tmp_path: Path) -> None:
    import trainer_job

    documents = [trainer_job.document(seed, kind) for seed, kind in enumerate(["caption", "text"] * 4)]
    found = []
    with ranks() as among:
        for cut in (1, 2, 4):
            loop = Loop(tiny(pretrain()), trainee(), among, str(tmp_path))
            for at in range(cut):
                loop.backward(pack(documents[at::cut], 400, image_id=IMAGE, padding_id=0))
            found.append(
                {name: weight.grad for name, weight in loop.trainee.named_parameters() if weight.grad is not None}
            )
    assert apart(found[0], found[1]) < 1e-6
    assert apart(found[0], found[2]) < 1e-6


def test_a_loss_that_is_not_a_number_stops_the_run_with_its_documents_named(tmp_path: Path) -> None:
    with ranks() as among:
        loop = Loop(tiny(pretrain()), trainee(), among, str(tmp_path))
        before = {name: weight.detach().clone() for name, weight in loop.trainee.named_parameters()}
        broken = row()
        broken.patches_PD[0, 0] = float("nan")
        with pytest.raises(BadInput, match=r"the loss is nan .*step 7"):
            loop.step(Step(7, [row()._replace(keys=("good",)), broken._replace(keys=("bad",))], {}))
        assert all(torch.equal(before[name], weight) for name, weight in loop.trainee.named_parameters())
    told = json.loads((tmp_path / "not-a-number-00000007-rank-0.json").read_text())
    assert told["rows"] == [["good"], ["bad"]]
    assert [loss == "nan" for loss in told["losses"]] == [False, True]


@pytest.mark.parametrize("part", ["tower", "merger", "decoder"])
def test_a_frozen_part_stays_as_it_is_and_the_others_learn(tmp_path: Path, part: str) -> None:
    import trainer_job

    inside = {"tower": "visual.blocks.0", "merger": "visual.merger", "decoder": "language_model.layers.0"}
    with ranks() as among:
        loop = Loop(structs.replace(tiny(pretrain()), frozen=(part,)), trainee(), among, str(tmp_path))
        before = {name: weight.detach().clone() for name, weight in loop.trainee.named_parameters()}
        loop.step(Step(0, trainer_job.rows_of(0), {}))
        moved = {
            of: any(
                not torch.equal(before[name], weight) for name, weight in loop.trainee.named_parameters() if at in name
            )
            for of, at in inside.items()
        }
    assert moved == {of: of != part for of in inside}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def saved(folder: Path, among: Ranks, keep: int, *at: int) -> Loop:
    loop = Loop(tiny(pretrain()), trainee(), among, str(folder))
    loop.step(Step(0, [row()], {}))
    checkpoints = Checkpoints(str(folder), among, keep)
    for step in at:
        checkpoints.save(step, loop.trainee, loop.optimizer, {"step": step})
    checkpoints.finish()
    return loop


def test_the_last_checkpoints_are_kept_and_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    (tmp_path / "step-00000099.partial").mkdir()
    with ranks() as among:
        saved(tmp_path, among, 2, 1, 2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]
    assert read_state(path_of(str(tmp_path), 3)) == {"step": 3}


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    with ranks() as among:
        saved(tmp_path, among, 1, 1)
        other = Trainee(build(preset("tiny-2l"), IDS, 140, seed=3))
        with pytest.raises(
            BadInput, match=r"another model: .*lm_head.weight is \(136, 128\), the model's is \(140, 128\)"
        ):
            load(path_of(str(tmp_path), 1), other, optimizer_of(tiny(pretrain()), other))


def test_a_checkpoint_that_finds_no_room_stops_the_run_and_the_one_before_stands(
    tmp_path: Path, small_disk: Path
) -> None:
    with ranks() as among:
        loop = saved(small_disk, among, 3, 1)
        (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))
        checkpoints = Checkpoints(str(small_disk), among, 3)
        checkpoints.save(2, loop.trainee, loop.optimizer, {"step": 2})
        with pytest.raises(Unavailable, match=r"checkpoint was not written: .*step-00000002"):
            checkpoints.finish()
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "step-00000001"]
