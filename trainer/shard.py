"""A model over the ranks of a mesh: each layer's weights are split, gathered when it runs, and their gradients summed.

Every block of the tower and every layer of the decoder is a unit, and what remains (embeddings, merger, head) is one
with the loss, so that the head is whole while the loss is computed. Ranks meet in every unit of every row: a row of a
step must exist on each of them, an empty one where there is none (pack.py), and the padding document's blank picture
makes them meet in the tower. Gradients come out as the mean over ranks: whoever divides a sum by the targets of the
whole step multiplies by the ranks. The optimiser is made after this.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from trainer.forward import Trainee


def shard(trainee: Trainee, mesh: Any = None, *, compute: torch.dtype | None = None) -> None:
    """Split a model over a mesh, by default over all ranks; `compute` is what it runs in, sums stay in 32 bits."""
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32 if compute else None)
    inner = trainee.model.model
    for unit in (*inner.visual.blocks, *inner.language_model.layers, trainee):
        fully_shard(unit, mesh=mesh, mp_policy=policy)
