"""A rank of a sharded step: run by torchrun, it prints how far the gradient is from that of one rank.

Rank 0 takes rows of words, then of words and a clip; rank 1 pictures, then nothing at all.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from msgspec import structs

from trainer.attention import use_document_attention
from trainer.forward import Trainee
from trainer.model import build
from trainer.pack import pack
from trainer.presets import preset
from trainer.shard import shard

spec = importlib.util.spec_from_file_location("packing", Path(__file__).parent / "test_trainer_packing.py")
assert spec is not None and spec.loader is not None
packing = importlib.util.module_from_spec(spec)
sys.modules["packing"] = packing
spec.loader.exec_module(packing)


def trainee(name: str) -> Trainee:
    model = build(structs.replace(preset(name), initial_spread=0.1), packing.IDS, 512, seed=3)
    use_document_attention(model)
    return Trainee(model)


def main() -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    documents = [packing.TEXTS, packing.PICTURE_EACH, packing.TEXTS[:1] + packing.VIDEOS[:1], []]
    rows = [pack(one, 200, image_id=packing.IMAGE, padding_id=packing.END) for one in documents]
    targets = sum(row.targets for row in rows)
    found = {}
    for name in ("tiny", "tiny-moe"):
        whole, split = trainee(name), trainee(name)
        for row in rows:
            (whole(row).losses.sum() / targets).backward()
        shard(split)
        for row in rows[rank::ranks]:
            (split(row).losses.sum() / targets * ranks).backward()
        off = size = 0.0
        for one, other in zip(whole.parameters(), split.parameters(), strict=True):
            expected = torch.zeros_like(one) if one.grad is None else one.grad
            given = other.grad.full_tensor() if other.grad is not None else torch.zeros_like(one)
            off += float((given - expected).square().sum())
            size += float(expected.square().sum())
        found[name] = {"apart": (off / size) ** 0.5, "size": size**0.5}
    if rank == 0:
        print(json.dumps(found))
    dist.destroy_process_group()


main()
