"""Attention within documents and within pictures: each token sees what precedes it in its own document, each patch all
of its own picture.

transformers' packed mode builds a dense L x L mask and, on a CPU, is slower than padding. Here the boundaries go to a
kernel that never looks across them: on a GPU torch's varlen_attn, which takes 16 bits, else one call per document, and
in the tower one for all pictures of one size. FlexAttention is the second way for the decoder, for a GPU without the
first; on a CPU it runs forward only. Shapes: B rows, always one; H heads, L tokens or patches of a row, E values of a
head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F

from trainer.model.torchvision_ready import torchvision_ready

NAME = "documents_flash"
"""Its `flash` is what makes transformers' tower hand over all pictures with their boundaries, and not one by one."""

_VARLEN_TAKES = (torch.bfloat16, torch.float16)
_HAS_VARLEN = find_spec("torch.nn.attention.varlen") is not None

Masked = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def use_document_attention(model: Any) -> None:
    """Make a model of transformers attend within documents; its rows must then come with their boundaries."""
    torchvision_ready()
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, within_documents)
    for module in model.modules():
        if hasattr(module, "config"):
            module.config._attn_implementation = NAME


def use_plain_attention(model: Any) -> None:
    """Make a model attend as transformers does by default: for generation and for what is saved."""
    for module in model.modules():
        if hasattr(module, "config"):
            module.config._attn_implementation = "sdpa"


@contextmanager
def attending_plainly(model: Any) -> Iterator[None]:
    """Hold a model at plain attention, and give it back as it was."""
    attends = model.config._attn_implementation
    use_plain_attention(model)
    try:
        yield
    finally:
        for module in model.modules():
            if hasattr(module, "config"):
                module.config._attn_implementation = attends


def within_documents(
    module: torch.nn.Module,
    query_BHLE: torch.Tensor,
    key_BHLE: torch.Tensor,
    value_BHLE: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    flex_blocks: Any = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Return [B, L, H, E], as transformers calls it: for a decoder layer causal, for a block of the tower not.

    Where weights of 32 bits compute in 16, positions widen queries and keys again: they are taken as wide as values,
    which is what attention would do by itself, and what its kernels for 16 bits ask for.
    """
    if cu_seq_lens_q is None:
        raise ValueError("document attention needs the boundaries of its row; use_plain_attention() goes without")
    causal = bool(getattr(module, "is_causal", True))
    ends_D1 = cu_seq_lens_q
    query_BHLE, key_BHLE = query_BHLE.to(value_BHLE.dtype), key_BHLE.to(value_BHLE.dtype)
    if flex_blocks is not None and causal:
        return _flex(query_BHLE, key_BHLE, value_BHLE, flex_blocks, scaling), None
    if query_BHLE.is_cuda and query_BHLE.dtype in _VARLEN_TAKES and _HAS_VARLEN:
        return _varlen(query_BHLE, key_BHLE, value_BHLE, ends_D1, max_length_q, causal, scaling), None
    return _looped(query_BHLE, key_BHLE, value_BHLE, ends_D1, causal, scaling), None


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _looped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    ends_D1: torch.Tensor,
    causal: bool,
    scaling: float | None,
) -> torch.Tensor:
    """Attend piece by piece; outside of what is compiled, which would be compiled anew for each set of boundaries."""
    parts = _per_document if causal else _per_size
    return parts(query, key, value, ends_D1.tolist(), scaling).transpose(1, 2).contiguous()


def _per_document(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, ends: list[int], scaling: float | None
) -> torch.Tensor:
    """Attend within each document; split, and not sliced: a slice's way back writes a gradient of the whole row."""
    grouped = query.shape[1] != key.shape[1]
    sizes = [end - begin for begin, end in pairwise(ends)]
    parts = zip(*(torch.split(tensor, sizes, 2) for tensor in (query, key, value)), strict=True)
    mixed = [
        F.scaled_dot_product_attention(one, its_key, its_value, is_causal=True, scale=scaling, enable_gqa=grouped)
        for one, its_key, its_value in parts
        if one.shape[2]
    ]
    return torch.cat(mixed, 2)


def _per_size(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, ends: list[int], scaling: float | None
) -> torch.Tensor:
    """Attend within each picture, all pictures of as many patches in one call; they come back in their order."""
    of_size: dict[int, list[int]] = {}
    for begin, end in pairwise(ends):
        if end > begin:
            of_size.setdefault(end - begin, []).append(begin)
    if len(of_size) == 1:
        return _alike(query, key, value, len(next(iter(of_size.values()))), scaling)
    places, mixed = [], []
    for size, begins in of_size.items():
        rows = torch.cat([torch.arange(begin, begin + size, device=query.device) for begin in begins])
        places.append(rows)
        query_rows, key_rows, value_rows = (tensor.index_select(2, rows) for tensor in (query, key, value))
        mixed.append(_alike(query_rows, key_rows, value_rows, len(begins), scaling))
    return torch.cat(mixed, 2).index_select(2, torch.cat(places).argsort())


def _alike(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, pictures: int, scaling: float | None
) -> torch.Tensor:
    """Attend within each of `pictures` of one size that stand one after another."""
    query_NHLE, key_NHLE, value_NHLE = (
        tensor[0].reshape(tensor.shape[1], pictures, -1, tensor.shape[3]).transpose(0, 1)
        for tensor in (query, key, value)
    )
    mixed_NHLE = F.scaled_dot_product_attention(query_NHLE, key_NHLE, value_NHLE, scale=scaling)
    return mixed_NHLE.transpose(0, 1).flatten(1, 2)[None]


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    ends_D1: torch.Tensor,
    longest: int | None,
    causal: bool,
    scaling: float | None,
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    most = longest if longest is not None else int(ends_D1.diff().max())
    query_LHE, key_LHE, value_LHE = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    attend: Any = varlen_attn
    mixed_LHE: torch.Tensor = attend(
        query_LHE,
        key_LHE,
        value_LHE,
        ends_D1,
        ends_D1,
        most,
        most,
        scale=scaling,
        window_size=(-1, 0) if causal else (-1, -1),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return mixed_LHE[None]


def _flex(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, blocks: Any, scaling: float | None
) -> torch.Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    attend: Any = _compiled(flex_attention) if query.is_cuda else flex_attention
    mixed: torch.Tensor = attend(query, key, value, block_mask=blocks, scale=scaling, enable_gqa=True)
    return mixed.transpose(1, 2).contiguous()


@cache
def _compiled(function: Any) -> Any:
    return torch.compile(function)


def needs_flex(device: str) -> bool:
    """Whether a decoder on this device has FlexAttention as its only kernel for documents."""
    return torch.device(device).type == "cuda" and not _HAS_VARLEN


def flex_blocks(document_L: torch.Tensor) -> Any:
    """Return what FlexAttention takes for a row: which blocks of it have anything to see of each other."""
    from torch.nn.attention.flex_attention import create_block_mask

    length = len(document_L)
    seen = same_document_causal(document_L)
    return create_block_mask(seen, None, None, length, length, device=document_L.device)


def same_document_causal(document_L: torch.Tensor) -> Masked:
    """Return FlexAttention's mask: a token sees those of its own document up to itself."""

    def seen(_batch: torch.Tensor, _head: torch.Tensor, at: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
        return (document_L[at] == document_L[past]) & (at >= past)

    return seen
