"""Ranks: which process this is among those that torchrun started, and how a model is laid over them.

A process alone is a group of one, so that saving and counting need no second way. Rows are dealt over all ranks, and
each rank's weights are sharded over them (FSDP2). The mesh names the axes of the issues to come (tensor, context,
expert, pipeline); a size other than 1 is refused until its axis is built.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from msgspec import Struct, structs
from torch import Tensor
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from schemas.errors import BadInput
from trainer.loop.stages import Mesh
from trainer.model.forward import Trainee


class Ranks(Struct, frozen=True):
    """This process among all: `rank` of `count`, and the device that it computes on."""

    rank: int
    count: int
    device: str

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over the ranks."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def all_true(self, holds: bool) -> bool:
        """Return whether something holds on every rank; each of them must ask."""
        return bool(self.total(torch.tensor(float(not holds), device=self.device)) == 0)

    def wait(self) -> None:
        """Wait until every rank is here."""
        if self.count > 1:
            dist.barrier()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Let the first rank do something before the others do it: they find on disk what it has left there."""
        if self.rank != 0:
            self.wait()
        yield
        if self.rank == 0:
            self.wait()


@contextmanager
def ranks() -> Iterator[Ranks]:
    """Join the group that torchrun describes in the environment, or make a group of one, and leave it at the end."""
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    cards = torch.cuda.is_available()
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cards else "cpu"
    if cards:
        torch.cuda.set_device(device)
    store = None if "MASTER_ADDR" in os.environ else HashStore()
    kind = "cpu:gloo,cuda:nccl" if cards else "gloo"
    dist.init_process_group(kind, store=store, rank=rank if store else -1, world_size=count if store else -1)
    try:
        yield Ranks(rank, count, device)
    finally:
        dist.destroy_process_group()


def check_mesh(mesh: Mesh) -> None:
    """Raise BadInput where a stage asks for an axis that is not built."""
    for axis, size in structs.asdict(mesh).items():
        if size != 1:
            raise BadInput(
                f"{axis} parallelism over {size} ranks is not built yet",
                where="the stage's mesh",
                remedy="say --data-parallel: whole rows on each rank, the weights sharded over all",
            )


def device_mesh(among: Ranks) -> DeviceMesh:
    """Return the mesh of all ranks."""
    return init_device_mesh(among.device.split(":")[0], (among.count,), mesh_dim_names=("data",))


def shard(trainee: Trainee, mesh: DeviceMesh, compute: torch.dtype) -> None:
    """Shard the weights over the mesh, block by block, computing in `compute`; one rank keeps the plain model.

    Gradients come back averaged over the ranks, in float32; the loop makes sums of them.
    """
    if mesh.size() == 1:
        return
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32, cast_forward_inputs=False)
    inner = trainee.model.model
    for block in (*inner.visual.blocks, *inner.language_model.layers, trainee):
        fully_shard(block, mesh=mesh, mp_policy=policy)
