"""A run goes on from its checkpoint to the bit, on other numbers of ranks to rounding, and stops where it must.

Ranks are real: processes with what torch's launcher tells them, over gloo. They are forked from one that has imported
torch, which takes longer than what they do.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs
from safetensors.torch import load_file

from schemas.errors import BadInput, Unavailable
from trainer.loop.batches import Step
from trainer.loop.checkpoint import Checkpoints, load, path_of, read_state, steps
from trainer.loop.loop import Loop, optimizer_of
from trainer.loop.parallel import Ranks, ranks
from trainer.loop.stages import pretrain, tiny
from trainer.model.attention import use_document_attention
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.pack import PackedBatch, pack
from trainer.model.presets import preset

JOB = Path(__file__).with_name("trainer_job.py")
LAST = 5
IMPORTED = (
    "trainer.loop.loop",
    "trainer.model.torchvision_ready:torchvision_ready",
    "transformers.models.glm4v.modeling_glm4v",
)


def loaded(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, JOB.with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


job, forked = loaded("trainer_job"), loaded("forked")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with forked.fork_server(*IMPORTED) as served:
        yield served


def started(server: Any, folder: Path, last: int, among: int = 1) -> list[Any]:
    """Start a job's ranks, as torch's launcher would."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(among), "OMP_NUM_THREADS": "1"}
    argv = [str(JOB), str(folder), str(last)]
    return [server.start(argv, os.environ | group | {"RANK": str(rank)}) for rank in range(among)]


def done(server: Any, folder: Path, last: int, among: int = 1) -> dict[str, torch.Tensor]:
    """Run a job to its end; return its weights and moments."""
    for process in started(server, folder, last, among):
        _, said = process.communicate()
        assert process.returncode == 0, said
    return load_file(folder / "trained.safetensors")


@pytest.fixture(scope="module", params=[1, 2], ids=["one rank", "two ranks"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Any) -> tuple[int, Path]:
    """A run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    done(server, folder, LAST, request.param)
    return request.param, folder


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], prefix: str = "") -> float:
    names = sorted(name for name in one if name.startswith(prefix))
    assert names == sorted(name for name in other if name.startswith(prefix))
    left, right = (torch.cat([tensors[name].flatten().double() for name in names]) for tensors in (one, other))
    return float((left - right).norm() / left.norm())


def gradients(loop: Loop) -> dict[str, torch.Tensor]:
    return {name: weight.grad for name, weight in loop.trainee.named_parameters() if weight.grad is not None}


def trainee() -> Trainee:
    torch.set_num_threads(1)
    model = build(preset("tiny"), job.IDS, 136, seed=3)
    use_document_attention(model)
    return Trainee(model)


def row(length: int = 64) -> PackedBatch:
    import numpy as np

    from trainer.documents.document import Document

    tokens_T = np.arange(1, 40, dtype=np.int32)
    document = Document("a", "text", tokens_T, tokens_T > 1, np.zeros((0, 3), np.int64), np.zeros((0, 1176), np.uint8))
    return pack([document], length, image_id=job.IMAGE, padding_id=0)


def test_two_ranks_have_the_gradient_of_one(whole: tuple[int, Path]) -> None:
    with ranks() as among:
        loop = Loop(tiny(pretrain()), trainee(), among, str(whole[1]))
        for one in job.rows_of(0):
            loop.backward(one)
    assert apart(gradients(loop), load_file(whole[1] / "gradient.safetensors")) < 2e-6


def test_a_killed_run_goes_on_to_the_same_bits(server: Any, whole: tuple[int, Path], tmp_path: Path) -> None:
    among, folder = whole
    killed = started(server, tmp_path / "cut", LAST, among)
    assert killed[0].stdout
    for line in killed[0].stdout:
        if line.startswith("step 3"):
            break
    saved = str(tmp_path / "cut" / "checkpoints")
    while not steps(saved):
        assert all(process.poll() is None for process in killed)
        time.sleep(0.01)
    for process in killed:
        process.kill()
        process.communicate()
    assert steps(saved)[0] == 2 and steps(saved)[-1] < LAST
    again, undisturbed = done(server, tmp_path / "cut", LAST, among), load_file(folder / "trained.safetensors")
    assert undisturbed.keys() == again.keys()
    assert all(torch.equal(undisturbed[name], again[name]) for name in undisturbed)


def test_a_run_goes_on_on_another_number_of_ranks(server: Any, whole: tuple[int, Path], tmp_path: Path) -> None:
    among, folder = whole
    shutil.copytree(folder / "checkpoints", tmp_path / "checkpoints")
    other = done(server, tmp_path, LAST, 3 - among)
    assert apart(load_file(folder / "trained.safetensors"), other, "weights.") < 2e-5


def test_how_a_step_is_cut_into_rows_does_not_weigh(tmp_path: Path) -> None:
    documents = [job.document(seed, kind) for seed, kind in enumerate(["caption", "text"] * 4)]
    found = []
    with ranks() as among:
        for cut in (1, 2, 4):
            loop = Loop(tiny(pretrain()), trainee(), among, str(tmp_path))
            for at in range(cut):
                loop.backward(pack(documents[at::cut], 400, image_id=job.IMAGE, padding_id=0))
            found.append(gradients(loop))
    assert apart(found[0], found[1]) < 1e-6
    assert apart(found[0], found[2]) < 1e-6


def test_a_loss_that_is_not_a_number_stops_the_run_with_its_documents_named(tmp_path: Path) -> None:
    with ranks() as among:
        loop = Loop(tiny(pretrain()), trainee(), among, str(tmp_path))
        before = {name: weight.detach().clone() for name, weight in loop.trainee.named_parameters()}
        broken = job.rows_of(0)[1]
        broken.patches_PD[0, 0] = float("nan")
        with pytest.raises(BadInput, match="step 7: the loss is nan"):
            loop.step(Step(7, [row()._replace(keys=("good",)), broken._replace(keys=("bad",))]))
        assert all(torch.equal(before[name], weight) for name, weight in loop.trainee.named_parameters())
    told = json.loads((tmp_path / "not-a-number-00000007-rank-0.json").read_text())
    assert told["rows"] == [["good"], ["bad"]]
    assert [loss == "nan" for loss in told["losses"]] == [False, True]


@pytest.mark.parametrize("part", ["tower", "merger", "decoder"])
def test_a_frozen_part_stays_as_it_is_and_the_others_learn(tmp_path: Path, part: str) -> None:
    inside = {"tower": "visual.blocks.0", "merger": "visual.merger", "decoder": "language_model.layers.0"}
    with ranks() as among:
        loop = Loop(structs.replace(tiny(pretrain()), frozen=(part,)), trainee(), among, str(tmp_path))
        before = {name: weight.detach().clone() for name, weight in loop.trainee.named_parameters()}
        loop.step(Step(0, job.rows_of(0)))
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
    loop.step(Step(0, [row()]))
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
        other = Trainee(build(preset("tiny-2l"), job.IDS, 140, seed=3))
        with pytest.raises(
            BadInput, match=r"another model: .*embed_tokens.weight is \(136, 128\), the model's is \(140, 128\)"
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
        with pytest.raises(
            Unavailable, match=r"step-00000002: the checkpoint was not written: OSError: .*No space left"
        ):
            checkpoints.finish()
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "step-00000001"]
