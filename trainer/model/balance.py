"""Experts kept busy alike: a bias that learns which are asked too much, and a small loss within each document.

The bias only chooses: a token goes to the experts whose score plus bias is highest, and is weighted by their scores
alone, so balancing costs nothing of what is learnt (a thousandth a step, up where an expert had less than its share).
The loss is DeepSeek-V3's, over sigmoid scores and per document; transformers' own is another, over softmax and the
whole batch, and is not used. Shapes: L tokens of a row, E experts, D documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def routers(model: Any) -> list[Any]:
    """Return the routers of a model's expert layers, in order; a dense model has none."""
    return [module for module in model.modules() if hasattr(module, "e_score_correction_bias")]


def chosen(logits_LE: torch.Tensor, router: Any) -> torch.Tensor:
    """Return [L, E]: ones where a token goes to an expert."""
    scores_LE = logits_LE.detach().float().sigmoid() + router.e_score_correction_bias
    picked = scores_LE.topk(router.top_k, dim=-1).indices
    return torch.zeros_like(scores_LE).scatter_(1, picked, 1.0)


def loads(routed: Sequence[torch.Tensor], model: Any, real_L: torch.Tensor) -> torch.Tensor:
    """Return [layers, E]: how many tokens each expert was given; padding, where `real_L` is false, is not counted.

    Sum it over a step's rows, and over its ranks, before the bias is moved by it.
    """
    pairs = zip(routed, routers(model), strict=True)
    return torch.stack([chosen(logits_LE[real_L], router).sum(0) for logits_LE, router in pairs])


@torch.no_grad()
def move_biases(model: Any, loads_: torch.Tensor, step: float) -> None:
    """Raise the bias of each expert that had less than the mean of its layer by `step`, and lower the others'."""
    for router, load_E in zip(routers(model), loads_, strict=True):
        bias = router.e_score_correction_bias
        bias.add_(step * torch.sign(load_E.mean() - load_E).to(bias))


def balance_loss(
    routed: Sequence[torch.Tensor], model: Any, ends_D1: torch.Tensor, weight_D: torch.Tensor
) -> torch.Tensor:
    """Return the mean over layers of the sum over documents of w_D * sum_E f_E * P_E, the padding document left out.

    f: an expert's share of a document's choices, times E; P: its mean share of the scores: their product sums to one
    where all are asked alike. A document weighs as many as its targets, so that the count of a step's targets, which
    the other loss is divided by, divides this one too; a stage takes a small share of it.
    """
    lengths_D = ends_D1.diff()[:-1].long()
    documents, real = len(lengths_D), int(lengths_D.sum())
    document_L = torch.repeat_interleave(torch.arange(documents, device=lengths_D.device), lengths_D)
    total = routed[0].new_zeros((), dtype=torch.float32)
    for logits_LE, router in zip(routed, routers(model), strict=True):
        scores_LE = logits_LE[:real].float().sigmoid()
        shares_LE = scores_LE / scores_LE.sum(-1, keepdim=True)
        asked_LE = chosen(logits_LE[:real], router) * (shares_LE.shape[1] / router.top_k)
        asked_DE, shares_DE = (
            torch.zeros(documents, values.shape[1], device=values.device).index_add(0, document_L, values)
            / lengths_D.clamp(min=1)[:, None]
            for values in (asked_LE, shares_LE)
        )
        total = total + ((asked_DE * shares_DE).sum(1) * weight_D).sum()
    return total / len(routed)


def hold_biases_exact(model: Any) -> None:
    """Keep the biases in 32 bits after a model is cast: a step of a thousandth is lost in 16."""
    for router in routers(model):
        router.e_score_correction_bias = router.e_score_correction_bias.float()
