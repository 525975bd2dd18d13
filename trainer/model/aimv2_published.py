"""AIMv2 as its authors publish it: the same weights under other names, which transformers renames but does not read.

A folder of theirs says `aimv2` and brings code of its own, which is not run: only its numbers are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from schemas.errors import BadInput

_AROUND = {
    "preprocessor.patchifier.proj.weight": "embeddings.patch_embed.weight",
    "preprocessor.patchifier.proj.bias": "embeddings.patch_embed.bias",
    "preprocessor.patchifier.norm.weight": "embeddings.rms_norm.weight",
    "trunk.post_trunk_norm.weight": "rms_norm.weight",
}
_BLOCK = {
    "norm_1.weight": "rms_norm1.weight",
    "norm_2.weight": "rms_norm2.weight",
    "attn.proj.weight": "attention.out_proj.weight",
    "mlp.fc1.weight": "ffn.gate_proj.weight",
    "mlp.fc2.weight": "ffn.down_proj.weight",
    "mlp.fc3.weight": "ffn.up_proj.weight",
}
_IN_BLOCK = re.compile(r"trunk\.blocks\.(\d+)\.(.+)")
_POSITIONS, _MIXED = "preprocessor.pos_embed", "attn.qkv.weight"


def read_published(folder: str) -> dict[str, torch.Tensor]:
    """Return the folder's weights by transformers' names; raises BadInput where they cannot be read."""
    files = sorted(name for name in os.listdir(folder) if name.endswith(".safetensors"))
    if not files:
        raise BadInput("has no *.safetensors", where=folder, remedy="give a checkpoint's folder")
    weights: dict[str, Any] = {}
    for name in files:
        try:
            weights |= load_file(os.path.join(folder, name))
        except (OSError, SafetensorError) as error:
            raise BadInput(f"{name} does not load: {error}", where=folder, remedy="was it fetched whole?") from None
    return renamed(weights)


def renamed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights by transformers' names; a name that is none of the published ones stays as it is."""
    found: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        inside = _IN_BLOCK.fullmatch(name)
        layer = f"encoder.layers.{inside[1]}" if inside else ""
        if name == _POSITIONS:
            found["embeddings.position_embedding.weight"] = weight.flatten(0, -2)
        elif inside and inside[2] == _MIXED:
            for part, rows in zip("qkv", weight.chunk(3), strict=True):
                found[f"{layer}.attention.{part}_proj.weight"] = rows
        elif inside and inside[2] in _BLOCK:
            found[f"{layer}.{_BLOCK[inside[2]]}"] = weight
        else:
            found[_AROUND.get(name, name)] = weight
    return found
