"""Attention over prompts that are kept once: rows that answer the same one share its keys and values.

Copied for each row, a prompt of 256 tokens would be read from memory for every row and every token. Here the queries of
all its rows meet it in one product of matrices, and each row keeps its own answer alone. A softmax goes over both parts
together, so numbers differ from a copy's by rounding. Prompts of other lengths have room before them that nobody looks
at. Shapes: R rows, P prompts, N rows of a prompt at most, H heads of queries, K of keys and values, G = H / K, T tokens
of a prompt, S of an answer, E values of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F

from trainer.engine.prefill import Prefix
from trainer.model.attention import attending_plainly
from trainer.model.torchvision_ready import torchvision_ready

NAME = "shared_prompts"
_FIRST_ROOM = 32
"""Tokens of answers that memory is taken for at first; it doubles when they are used up."""


@contextmanager
def attending_shared(model: Any) -> Iterator[None]:
    """Hold a model as it has to be to read prompts and to answer them, and give it back as it was."""
    torchvision_ready()
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, _attend)
    with attending_plainly(model):
        for module in model.model.language_model.modules():
            if hasattr(module, "config"):
                module.config._attn_implementation = NAME
        yield


def _attend(
    module: torch.nn.Module,
    query_RHLE: torch.Tensor,
    key_RKSE: torch.Tensor,
    value_RKSE: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    shared: Shared | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Return [R, L, H, E], as transformers calls it: a prompt that is read, or one token of each row."""
    if shared is None:
        grouped = query_RHLE.shape[1] != key_RKSE.shape[1]
        mixed_RHLE = F.scaled_dot_product_attention(
            query_RHLE, key_RKSE, value_RKSE, is_causal=True, scale=scaling, enable_gqa=grouped
        )
        return mixed_RHLE.transpose(1, 2).contiguous(), None
    layer: Any = module.layer_idx
    return shared.attend(layer, query_RHLE * scaling, key_RKSE, value_RKSE), None


class Shared:
    """What the decoder keeps of prompts and answers, in the place of a cache of transformers."""

    def __init__(self, prefixes: Sequence[Prefix], of_row: Sequence[int]) -> None:
        layers = range(len(prefixes[0].kept))
        longest = max(one.tokens for one in prefixes)
        self._prompts = [tuple(_ending_alike(prefixes, layer, which, longest) for which in (0, 1)) for layer in layers]
        lengths = torch.tensor([one.tokens for one in prefixes])
        room_PT = torch.arange(longest) < (longest - lengths)[:, None]
        self._room_PT = room_PT.to(self._prompts[0][0].device) if room_PT.any() else None
        self._own: list[list[torch.Tensor]] = [[] for _ in layers]
        self._said = 0
        self._lay(of_row)

    def _lay(self, of_row: Sequence[int]) -> None:
        """Give each row a slot among those of its prompt; prompts that no row answers any more are dropped."""
        living = sorted(set(of_row))
        if len(living) < len(self._prompts[0][0]):
            at = torch.tensor(living, device=self._prompts[0][0].device)
            self._prompts = [tuple(kept.index_select(0, at) for kept in layer) for layer in self._prompts]
            self._room_PT = None if self._room_PT is None else self._room_PT.index_select(0, at)
        self._of_row = [living.index(one) for one in of_row]
        self._most = max(self._of_row.count(prompt) for prompt in range(len(living)))
        taken = [0] * len(living)
        slots = []
        for prompt in self._of_row:
            slots.append(prompt * self._most + taken[prompt])
            taken[prompt] += 1
        is_full = slots == list(range(len(living) * self._most))
        self._slots_R = None if is_full else torch.tensor(slots, device=self._prompts[0][0].device)

    def keep(self, places: Sequence[int]) -> None:
        """Keep the rows at these places, in this order."""
        at = torch.tensor(places, device=self._prompts[0][0].device)
        self._own = [[kept.index_select(0, at) for kept in layer] for layer in self._own]
        self._lay([self._of_row[place] for place in places])

    def update(
        self, key_RK1E: torch.Tensor, value_RK1E: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a token of each row, and return the answers so far: [R, K, S, E]."""
        self._said += layer == 0
        own = self._own[layer]
        if not own or own[0].shape[2] < self._said:
            room = max(_FIRST_ROOM, self._said - 1)
            grown = [
                torch.cat([*own[which : which + 1], one.expand(-1, -1, room, -1)], 2)
                for which, one in enumerate((key_RK1E, value_RK1E))
            ]
            self._own[layer] = own = grown
        for kept, one in zip(own, (key_RK1E, value_RK1E), strict=True):
            kept[:, :, self._said - 1] = one[:, :, 0]
        return own[0][:, :, : self._said], own[1][:, :, : self._said]

    def attend(
        self, layer: int, query_RH1E: torch.Tensor, key_RKSE: torch.Tensor, value_RKSE: torch.Tensor
    ) -> torch.Tensor:
        """Return [R, 1, H, E]: what each row's scaled query finds in its prompt and in its answer."""
        prompt_keys_PKTE, prompt_values_PKTE = self._prompts[layer]
        rows, heads, _, width = query_RH1E.shape
        query_RKGE = query_RH1E.reshape(rows, key_RKSE.shape[1], -1, width)
        scores_PKNGT = self._to_prompts(query_RKGE) @ prompt_keys_PKTE.transpose(-1, -2)
        if self._room_PT is not None:
            scores_PKNGT = scores_PKNGT.masked_fill(self._room_PT[:, None, None], -torch.inf)
        of_prompt_RKGT = self._to_rows(scores_PKNGT, query_RKGE)
        of_answer_RKGS = query_RKGE @ key_RKSE.transpose(-1, -2)
        shares = torch.cat([of_prompt_RKGT, of_answer_RKGS], -1).softmax(-1, torch.float32).to(value_RKSE.dtype)
        of_prompt = of_prompt_RKGT.shape[-1]
        in_prompt_RKGT, in_answer_RKGS = shares[..., :of_prompt], shares[..., of_prompt:]
        from_prompt = self._to_rows(self._to_prompts(in_prompt_RKGT) @ prompt_values_PKTE, query_RKGE)
        mixed: torch.Tensor = from_prompt + in_answer_RKGS @ value_RKSE
        return mixed.reshape(rows, 1, heads, width)

    def _to_prompts(self, of_rows: torch.Tensor) -> torch.Tensor:
        """Return [R, K, G, X] as [P, K, N * G, X]: the rows of a prompt below each other, unused slots zero."""
        prompts = len(self._prompts[0][0])
        if self._slots_R is not None:
            laid = of_rows.new_zeros(prompts * self._most, *of_rows.shape[1:])
            of_rows = laid.index_copy(0, self._slots_R, of_rows)
        rows_below = of_rows.reshape(prompts, self._most, *of_rows.shape[1:]).transpose(1, 2)
        return rows_below.flatten(2, 3)

    def _to_rows(self, of_prompts: torch.Tensor, like_RKGE: torch.Tensor) -> torch.Tensor:
        """Return [P, K, N * G, X] as [R, K, G, X]."""
        prompts, keys, _, width = of_prompts.shape
        apart = of_prompts.reshape(prompts, keys, self._most, like_RKGE.shape[2], width)
        found = apart.transpose(1, 2).flatten(0, 1)
        return found if self._slots_R is None else found.index_select(0, self._slots_R)


def _ending_alike(prefixes: Sequence[Prefix], layer: int, which: int, longest: int) -> torch.Tensor:
    """Return [P, K, T, E]: what a layer keeps of the prompts, all ending at one place."""
    return torch.cat([F.pad(one.kept[layer][which], (0, 0, longest - one.tokens, 0)) for one in prefixes])
