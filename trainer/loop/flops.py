"""Operations of a training step, and the share of what the device can do (MFU).

Convention: two for each weight and token that a matrix product meets, attention over the causal half alone in the
decoder and over whole pictures in the tower, three forwards for forward and backward, and nothing for what is computed
again to save memory. The rate that they are held against is measured, with one product of matrices on this device in
the type that is trained in, so the share says what is lost beside the products. A data sheet's rate is higher.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import torch

from trainer.model.pack import PackedBatch

FORWARDS = 3
_SIDE = {"cpu": 1024, "cuda": 8192}
_TRIES = 4


class Work(NamedTuple):
    """Operations of one forward: for a token, a token that is predicted, a token times one before it, a patch, and a
    patch times another of its picture."""

    token: float
    target: float
    token_pair: float
    patch: float
    patch_pair: float

    def of(self, row: PackedBatch) -> float:
        """Return the operations of a row, forward and backward."""
        tokens_D = row.ends_D1.diff().double()
        patches_N = row.grids_N3.prod(1).double()
        return FORWARDS * float(
            self.token * tokens_D.sum()
            + self.target * row.targets
            + self.token_pair * (tokens_D**2).sum() / 2
            + self.patch * patches_N.sum()
            + self.patch_pair * (patches_N**2).sum()
        )


def work_of(model: Any) -> Work:
    """Return the work of a Glm4v or Glm4vMoe model; of experts, only those that a token goes through."""
    inner, said = model.model, model.config.text_config
    tower = model.config.vision_config
    decoder = sum(_weights(layer, said) for layer in inner.language_model.layers)
    return Work(
        token=2.0 * decoder,
        target=2.0 * model.lm_head.weight.numel(),
        token_pair=4.0 * said.num_hidden_layers * said.num_attention_heads * said.head_dim,
        patch=2.0 * sum(weight.numel() for weight in inner.visual.parameters() if weight.dim() > 1),
        patch_pair=4.0 * tower.depth * tower.hidden_size,
    )


def _weights(layer: Any, said: Any) -> float:
    total = 0.0
    for name, weight in layer.named_parameters():
        if weight.dim() == 3:
            total += weight.numel() * said.num_experts_per_tok / said.n_routed_experts
        elif weight.dim() == 2 and not name.endswith("norm.weight"):
            total += weight.numel()
    return total


def product_rate(device: str, dtype: torch.dtype) -> float:
    """Return how many operations a second one product of square matrices reaches, the best of a few."""
    side = _SIDE[torch.device(device).type]
    left, right = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))
    best_s = float("inf")
    for _ in range(_TRIES):
        _settle(device)
        begin = time.perf_counter()
        left @ right
        _settle(device)
        best_s = min(best_s, time.perf_counter() - begin)
    return 2 * side**3 / best_s


def _settle(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
