"""A job for ranks: train a tiny model on made documents up to a step, or go on with it: trainer_job.py FOLDER STEP."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import numpy as np
import torch
from msgspec import structs
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from trainer.documents.document import Document
from trainer.documents.special import SpecialIds
from trainer.loop.batches import Step
from trainer.loop.checkpoint import Checkpoints, load, path_of, read_state, steps
from trainer.loop.loop import Loop
from trainer.loop.parallel import Ranks, device_mesh, ranks, shard
from trainer.loop.stages import pretrain, tiny
from trainer.model.attention import use_document_attention
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.pack import PATCH_VALUES, PackedBatch, pack
from trainer.model.presets import preset

IMAGE = 130
IDS = SpecialIds(0, (0,), IMAGE, 131, 132, 133, 134, 135)
ROWS, ROOM = 4, 96


def document(seed: int, kind: str) -> Document:
    random = np.random.default_rng(seed)
    grids = [] if kind == "text" else [(1, 4, 4 + 2 * int(random.integers(3)))]
    tokens = [token for _, h, w in grids for token in (132, *[IMAGE] * (h * w // 4), 133)]
    tokens += random.integers(1, 120, int(random.integers(5, 30))).tolist()
    tokens_T = np.array(tokens, np.int32)
    is_target_T = (tokens_T < 120) & (np.arange(len(tokens)) > 0)
    patches_PD = random.integers(0, 256, (sum(h * w for _, h, w in grids), PATCH_VALUES), np.uint8)
    return Document(f"{seed}", kind, tokens_T, is_target_T, np.array(grids, np.int64).reshape(-1, 3), patches_PD)


def rows_of(step: int) -> list[PackedBatch]:
    """Make the rows of a step; the first holds no picture."""
    found = []
    for row in range(ROWS):
        kinds = ("text", "text") if row == 0 else ("caption", "text")
        documents = [document(1_000 * step + 10 * row + n, kind) for n, kind in enumerate(kinds)]
        found.append(pack(documents, ROOM, image_id=IMAGE, padding_id=0))
    return found


def stream(first: int, last: int, among: Ranks) -> Iterator[Step]:
    for number in range(first, last):
        yield Step(number, rows_of(number)[among.rank :: among.count])


def whole(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().clone()


def main(folder: str, last: int) -> None:
    torch.set_num_threads(1)
    stage = structs.replace(tiny(pretrain()), checkpoint_every=2)
    with ranks() as among:
        model = build(preset("tiny"), IDS, 136, seed=3)
        use_document_attention(model)
        trainee = Trainee(model)
        shard(trainee, device_mesh(among), torch.float32)
        loop = Loop(stage, trainee, among, folder)
        found = {"gradient": gradient(loop, among), "trained": train(loop, folder, among, last)}
        if among.rank == 0:
            for name, tensors in found.items():
                save_file(tensors, os.path.join(folder, f"{name}.safetensors"))


def gradient(loop: Loop, among: Ranks) -> dict[str, torch.Tensor]:
    """Return the sum of the gradients of the first step's rows over the ranks, and forget it."""
    for row in rows_of(0)[among.rank :: among.count]:
        loop.backward(row)
    named = loop.trainee.named_parameters()
    found = {name: whole(weight.grad) * among.count for name, weight in named if weight.grad is not None}
    loop.optimizer.zero_grad(set_to_none=True)
    return found


def train(loop: Loop, folder: str, among: Ranks, last: int) -> dict[str, torch.Tensor]:
    checkpoints = Checkpoints(os.path.join(folder, "checkpoints"), among, keep=2)
    first = 0
    if done := steps(checkpoints.folder):
        path = path_of(checkpoints.folder, done[-1])
        load(path, loop.trainee, loop.optimizer)
        first = read_state(path)["step"]
    for step, told in loop.steps(stream(first, last, among)):
        if among.rank == 0:
            print(f"step {told.step} loss {told.loss:.6f} by kind {sorted(told.targets_by_kind.items())}", flush=True)
        checkpoints.publish()
        if (step.number + 1) % loop.stage.checkpoint_every == 0:
            checkpoints.save(step.number + 1, loop.trainee, loop.optimizer, {"step": step.number + 1})
    checkpoints.finish()
    found = {f"weights.{name}": whole(weight) for name, weight in loop.trainee.named_parameters()}
    for number, state in enumerate(loop.optimizer.state.values()):
        found |= {f"{number}.{name}": whole(value) for name, value in state.items()}
    return found


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
