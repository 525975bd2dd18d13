"""Weights of the parts that a model is put together from: an AIMv2 tower and a GLM-4 or GLM-4.5 decoder.

Names and shapes map one to one but for three: a tower's three attention matrices become one, its flat patch kernel is
halved over the two frames of a slice, so that a picture shown twice gives what it gave, and its pooling head stays
behind. The merger is new. A source may be deeper than the model, whose first layers it then gives; in nothing else may
it differ, and the first difference is named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch

from schemas.errors import BadInput
from trainer.model.aimv2_published import read_published
from trainer.model.model import whole
from trainer.model.torchvision_ready import torchvision_ready

_BLOCK = {
    "norm1.weight": "rms_norm1.weight",
    "norm2.weight": "rms_norm2.weight",
    "attn.proj.weight": "attention.out_proj.weight",
    "mlp.gate_proj.weight": "ffn.gate_proj.weight",
    "mlp.up_proj.weight": "ffn.up_proj.weight",
    "mlp.down_proj.weight": "ffn.down_proj.weight",
}
_AROUND = {
    "embeddings.position_embedding.weight": "embeddings.position_embedding.weight",
    "post_conv_layernorm.weight": "embeddings.rms_norm.weight",
    "patch_embed.proj.bias": "embeddings.patch_embed.bias",
    "post_layernorm.weight": "rms_norm.weight",
}
_LAYER = re.compile(r"\blayers\.(\d+)\.")
_ALIKE = ("rms_norm_eps", "num_attention_heads", "num_key_value_heads", "hidden_act")


class _Given:
    """The weights of a source, each to be taken or known to stay behind."""

    def __init__(self, weights: Mapping[str, torch.Tensor], folder: str) -> None:
        self._weights, self._folder = weights, folder
        self._taken: set[str] = set()

    def take(self, name: str) -> torch.Tensor:
        if name not in self._weights:
            raise BadInput(f"has no {name}", where=self._folder, remedy="is it for this preset?")
        self._taken.add(name)
        return self._weights[name]

    def check_rest(self, layers: int, *behind: str) -> None:
        """Raise BadInput for a weight that the model has no place for: it would compute something else without it."""
        for name in sorted(self._weights.keys() - self._taken):
            deeper = (found := _LAYER.search(name)) and int(found[1]) >= layers
            if not deeper and not name.startswith(behind):
                raise BadInput(f"has {name}, which the model has no place for", where=self._folder)


def take_tower(model: Any, folder: str) -> None:
    """Copy an AIMv2 tower into a model's; raises BadInput where it does not fit."""
    said = _said(folder, ("aimv2_vision_model", "aimv2"))
    if said["model_type"] == "aimv2":
        config, weights = SimpleNamespace(**said), read_published(folder)
    else:
        source = _read(folder, "Aimv2VisionModel", ("aimv2_vision_model",))
        config, weights = source.config, source.state_dict()
    _compare(config, model.config.vision_config, folder, ("rms_norm_eps", "num_attention_heads"))
    given, blocks = _Given(weights, folder), len(model.model.visual.blocks)
    mapped = {name: given.take(theirs) for name, theirs in _AROUND.items()}
    kernel = given.take("embeddings.patch_embed.weight")
    mapped["patch_embed.proj.weight"] = (kernel / 2).unsqueeze(2).expand(-1, -1, 2, -1, -1)
    for block in range(blocks):
        ours, theirs = f"blocks.{block}", f"encoder.layers.{block}"
        mapped |= {f"{ours}.{one}": given.take(f"{theirs}.{other}") for one, other in _BLOCK.items()}
        parts = [given.take(f"{theirs}.attention.{part}_proj.weight") for part in "qkv"]
        mapped[f"{ours}.attn.qkv.weight"] = torch.cat(parts)
    given.check_rest(blocks, "head.")
    _copy(model.model.visual, mapped, folder, new=("merger.", "downsample."))


def take_decoder(model: Any, folder: str) -> None:
    """Copy a GLM-4 (dense) or GLM-4.5 (experts) decoder, its embedding and its head into a model; raises BadInput."""
    dense = model.config.model_type == "glm4v"
    source = _read(folder, "Glm4ForCausalLM" if dense else "Glm4MoeForCausalLM", ("glm4",) if dense else ("glm4_moe",))
    _compare(source.config, model.config.text_config, folder, _ALIKE)
    given, inner = _Given(source.state_dict(), folder), model.model.language_model
    mapped = {name: given.take(f"model.{name}") for name in inner.state_dict()}
    head = given.take("lm_head.weight")
    given.check_rest(len(inner.layers))
    _copy(inner, mapped, folder)
    _copy(model.lm_head, {"weight": head}, folder)


def _read(folder: str, class_name: str, kinds: tuple[str, ...]) -> Any:
    torchvision_ready()
    import transformers

    _said(folder, kinds)
    return whole(getattr(transformers, class_name), folder, "auto")


def _said(folder: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return a folder's configuration; raises BadInput where it is of none of the kinds."""
    torchvision_ready()
    import transformers

    if not os.path.isfile(os.path.join(folder, "config.json")):
        raise BadInput("no config.json there", where=folder, remedy="give a checkpoint's folder")
    said: dict[str, Any] = transformers.PreTrainedConfig.get_config_dict(folder, local_files_only=True)[0]
    if said.get("model_type") not in kinds:
        raise BadInput(f"holds a {said.get('model_type')}", where=folder, remedy=f"give a checkpoint of {kinds[0]}")
    return said


def _compare(theirs: Any, ours: Any, folder: str, names: tuple[str, ...]) -> None:
    for name in names:
        given, wanted = getattr(theirs, name, None), getattr(ours, name)
        if given != wanted:
            raise BadInput(f"{name} is {given}, the model's {wanted}", where=folder, remedy="is it for this preset?")


@torch.no_grad()
def _copy(module: torch.nn.Module, given: Mapping[str, torch.Tensor], folder: str, new: tuple[str, ...] = ()) -> None:
    held = {name: weight for name, weight in module.state_dict(keep_vars=True).items() if not name.startswith(new)}
    for name, weight in held.items():
        if given[name].shape != weight.shape:
            shapes = f"{tuple(given[name].shape)}, the model's {tuple(weight.shape)}"
            raise BadInput(f"{name} is {shapes}", where=folder, remedy="is it for this preset?")
    for name, weight in held.items():
        weight.copy_(given[name])
