"""Cross-entropy of a linear head in chunks: a loss per token, in 32 bits, without ever holding all logits.

At 32,768 tokens and 151,552 words logits are 18 GiB, and their gradient as much. While a chunk's are there, their
gradient is made as well, for a loss that is the plain sum over tokens: then they are never needed again. Under other
weights they are computed a second time on the way back. torch's own linear_cross_entropy is as lean, but hands losses
back in the width of the model: in 16 bits a loss of ten is off by three hundredths, and so is the scale of every
gradient. The head's gradient is summed in 32 bits. Shapes: K tokens, C width, V words.
"""

from __future__ import annotations

from typing import Any

import torch

CHUNK = 1024
"""Tokens whose logits exist at once."""


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_KC: torch.Tensor, words_VC: torch.Tensor, targets_K: torch.Tensor, learns: bool
    ) -> torch.Tensor:
        needs = (learns and ctx.needs_input_grad[0], learns and ctx.needs_input_grad[1])
        each_K, *gradients = _through(hidden_KC, words_VC, targets_K, None, *needs)
        ctx.save_for_backward(hidden_KC, words_VC, targets_K, *gradients)
        return each_K

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        hidden_KC, words_VC, targets_K, of_hidden, of_words = ctx.saved_tensors
        if not bool((given[0] == 1).all()):
            _, of_hidden, of_words = _through(hidden_KC, words_VC, targets_K, given[0], *ctx.needs_input_grad[:2])
        return of_hidden, of_words, None, None


def _through(
    hidden_KC: torch.Tensor,
    words_VC: torch.Tensor,
    targets_K: torch.Tensor,
    weight_K: torch.Tensor | None,
    needs_hidden: bool,
    needs_words: bool,
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Return each token's loss, and the gradients of their sum under weights."""
    each_K = torch.empty(len(targets_K), device=hidden_KC.device)
    of_hidden = torch.empty_like(hidden_KC) if needs_hidden else None
    of_words = torch.zeros_like(words_VC, dtype=torch.float32) if needs_words else None
    for begin in range(0, len(targets_K), CHUNK):
        here = slice(begin, begin + CHUNK)
        hidden, targets = hidden_KC[here], targets_K[here, None]
        log_chances = (hidden @ words_VC.T).float().log_softmax(-1)
        each_K[here] = -log_chances.gather(1, targets)[:, 0]
        if of_hidden is None and of_words is None:
            continue
        of_logits = log_chances.exp_().scatter_add_(1, targets, torch.full_like(targets, -1.0, dtype=torch.float32))
        if weight_K is not None:
            of_logits.mul_(weight_K[here, None])
        of_logits = of_logits.to(words_VC.dtype)
        if of_hidden is not None:
            of_hidden[here] = of_logits @ words_VC
        if of_words is not None:
            of_words += _in_32_bits(of_logits.T, hidden)
    return each_K, of_hidden, None if of_words is None else of_words.to(words_VC.dtype)


def _in_32_bits(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the product without rounding it to 16 bits before it is added to others."""
    if one.is_cuda and one.dtype != torch.float32:
        return torch.mm(one, other, out_dtype=torch.float32)
    return one.float() @ other.float()


def chunked_entropy(hidden_KC: torch.Tensor, words_VC: torch.Tensor, targets_K: torch.Tensor) -> torch.Tensor:
    """Return [K] in 32 bits: the cross-entropy of each token's target under the head's words.

    Under autocast the products take its type and nothing else does.
    """
    device = hidden_KC.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden_KC, words_VC = hidden_KC.to(dtype), words_VC.to(dtype)
    with torch.autocast(device, enabled=False):
        found: torch.Tensor = _Chunked.apply(hidden_KC, words_VC, targets_K, torch.is_grad_enabled())  # type: ignore[no-untyped-call]
    return found
