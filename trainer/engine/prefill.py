"""A prompt, read once: its pictures through the tower, its tokens through the decoder, and what the decoder keeps.

What it keeps (keys and values) is then copied for each row that answers, so that n answers cost one reading. Shapes:
1 a batch of one, H heads, T tokens, E values of a head, V words.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from schemas.errors import BadInput
from trainer.documents.positions import positions
from trainer.engine.engine import Prompt
from trainer.model.normalised import normalised


class Prefix(NamedTuple):
    """A prompt as the decoder remembers it, and what it would say next."""

    key: str
    kept: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    """Keys and values of each layer, [1, H, T, E]."""
    logits_V: torch.Tensor
    tokens: int
    next_place: int
    """Where the answer begins, in all three axes: a picture takes fewer places than it has tokens."""


@torch.no_grad()
def prefill(model: Any, prompt: Prompt) -> Prefix:
    """Read a prompt; raises BadInput where its pictures are not those of its tokens."""
    from transformers import DynamicCache

    try:
        places_4T = positions(prompt.tokens_T, prompt.grids_N3, model.config.image_token_id)
    except ValueError as error:
        raise BadInput(str(error), where=prompt.key or "prompt") from None
    device, cache = model.device, DynamicCache(config=model.config)
    said: dict[str, Any] = {}
    if len(prompt.grids_N3):
        said["pixel_values"] = normalised(prompt.patches_PD).to(device, model.dtype)
        said["image_grid_thw"] = torch.from_numpy(prompt.grids_N3).to(device)
    out = model.model(
        input_ids=torch.from_numpy(prompt.tokens_T).long()[None].to(device),
        position_ids=torch.from_numpy(places_4T[1:, None]).to(device),
        past_key_values=cache,
        use_cache=True,
        **said,
    )
    logits_V = model.lm_head(out.last_hidden_state[0, -1]).float()
    kept = tuple((layer.keys, layer.values) for layer in cache.layers)
    return Prefix(prompt.key, kept, logits_V, len(prompt.tokens_T), int(places_4T[1:].max()) + 1)
