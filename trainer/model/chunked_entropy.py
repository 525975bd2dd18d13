"""Cross-entropy of a linear head in chunks: a loss per token, in 32 bits, without ever holding all logits.

At 32,768 tokens and 151,552 words logits are 18 GiB, and their gradient as much. Each chunk's are computed twice, once
on the way back, which costs one more product with the head. torch's own linear_cross_entropy is as lean, but hands
losses back in the width of the model: in 16 bits a loss of ten is off by three hundredths, and so is the scale of every
gradient. The head's gradient is summed in 32 bits. Shapes: K tokens, C width, V words.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

CHUNK = 1024
"""Tokens whose logits exist at once."""


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_KC: torch.Tensor, words_VC: torch.Tensor, targets_K: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(hidden_KC, words_VC, targets_K)
        each = [
            F.cross_entropy((hidden @ words_VC.T).float(), targets, reduction="none")
            for hidden, targets in zip(torch.split(hidden_KC, CHUNK), torch.split(targets_K, CHUNK), strict=True)
        ]
        return torch.cat(each)

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        hidden_KC, words_VC, targets_K = ctx.saved_tensors
        of_hidden = torch.empty_like(hidden_KC) if ctx.needs_input_grad[0] else None
        of_words = torch.zeros_like(words_VC, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for begin in range(0, len(targets_K), CHUNK):
            here = slice(begin, begin + CHUNK)
            hidden, targets = hidden_KC[here], targets_K[here]
            logits = (hidden @ words_VC.T).float().softmax(-1)
            logits[torch.arange(len(targets), device=targets.device), targets] -= 1
            of_logits = logits.mul_(given[0][here, None]).to(words_VC.dtype)
            if of_hidden is not None:
                of_hidden[here] = of_logits @ words_VC
            if of_words is not None:
                of_words += _in_32_bits(of_logits.T, hidden)
        return of_hidden, None if of_words is None else of_words.to(words_VC.dtype), None


def _in_32_bits(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the product without rounding it to 16 bits before it is added to others."""
    if one.is_cuda and one.dtype != torch.float32:
        return torch.mm(one, other, out_dtype=torch.float32)
    return one.float() @ other.float()


def chunked_entropy(hidden_KC: torch.Tensor, words_VC: torch.Tensor, targets_K: torch.Tensor) -> torch.Tensor:
    """Return [K] in 32 bits: the cross-entropy of each token's target under the head's words."""
    found: torch.Tensor = _Chunked.apply(hidden_KC, words_VC, targets_K)  # type: ignore[no-untyped-call]
    return found
