"""Models: transformers' Glm4v and Glm4vMoe classes, built from a preset or read from a folder; none of our own.

transformers' defaults do not build the published models (docs/adr/0016): the dense one cannot run its first forward
without a partial rotary factor, the one with experts has other head and vocabulary sizes. Everything that a preset
states is therefore handed over in words, and the counts of parameters are held by a test.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from safetensors import SafetensorError

from schemas.errors import BadInput
from trainer.documents.special import PUBLISHED, SpecialIds
from trainer.model.presets import Preset
from trainer.model.torchvision_ready import torchvision_ready

ROPE_BASE = 10_000.0
ROTATED_SHARE = 0.5
NORM_EPS = 1e-5


def classes(preset: Preset) -> tuple[Any, Any]:
    """Return transformers' configuration and model class for a preset."""
    torchvision_ready()
    import transformers

    if preset.decoder.experts is None:
        return transformers.Glm4vConfig, transformers.Glm4vForConditionalGeneration
    return transformers.Glm4vMoeConfig, transformers.Glm4vMoeForConditionalGeneration


def configuration(preset: Preset, ids: SpecialIds | None = None, vocabulary: int = 0) -> Any:
    """Return the configuration of a preset; ids and vocabulary are the tokenizer's, else those that were published."""
    ids = ids or PUBLISHED[preset.family]
    vocabulary = max(vocabulary, preset.decoder.vocabulary)
    if not vocabulary:
        raise BadInput(f"preset {preset.name} takes its vocabulary from a tokenizer", where="model", remedy="give one")
    make, _ = classes(preset)
    return make(
        text_config=_decoder(preset, ids, vocabulary),
        vision_config=_tower(preset),
        image_token_id=ids.image,
        video_token_id=ids.video,
        image_start_token_id=ids.begin_image,
        image_end_token_id=ids.end_image,
        video_start_token_id=ids.begin_video,
        video_end_token_id=ids.end_video,
        tie_word_embeddings=False,
    )


def _decoder(preset: Preset, ids: SpecialIds, vocabulary: int) -> dict[str, Any]:
    decoder, experts = preset.decoder, preset.decoder.experts
    said: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": decoder.hidden,
        "intermediate_size": decoder.ffn,
        "num_hidden_layers": decoder.layers,
        "num_attention_heads": decoder.heads,
        "num_key_value_heads": decoder.kv_heads,
        "head_dim": decoder.head_dim,
        "max_position_embeddings": decoder.positions,
        "rms_norm_eps": NORM_EPS,
        "initializer_range": preset.initial_spread,
        "pad_token_id": ids.end,
        "eos_token_id": list(ids.stops),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": ROPE_BASE,
            "partial_rotary_factor": ROTATED_SHARE,
            "mrope_section": list(decoder.rope_sections),
        },
    }
    if experts is not None:
        said |= {
            "n_routed_experts": experts.routed,
            "num_experts_per_tok": experts.per_token,
            "n_shared_experts": experts.shared,
            "moe_intermediate_size": experts.ffn,
            "first_k_dense_replace": experts.dense_layers,
            "attention_bias": True,
            "norm_topk_prob": True,
            "routed_scaling_factor": 1.0,
        }
    return said


def _tower(preset: Preset) -> dict[str, Any]:
    tower = preset.tower
    return {
        "depth": tower.blocks,
        "hidden_size": tower.hidden,
        "num_heads": tower.heads,
        "intermediate_size": tower.merger_ffn,
        "out_hidden_size": preset.decoder.hidden,
        "image_size": tower.image_px,
        "rms_norm_eps": NORM_EPS,
        "initializer_range": preset.initial_spread,
    }


def build(
    preset: Preset,
    ids: SpecialIds | None = None,
    vocabulary: int = 0,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Any:
    """Return a model with weights drawn from `seed`; device "meta" gives shapes without memory."""
    _, model_class = classes(preset)
    said = configuration(preset, ids, vocabulary)
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        model = model_class._from_config(said, dtype=dtype)
        if preset.place_spread:
            torch.nn.init.normal_(model.model.visual.embeddings.position_embedding.weight, std=preset.place_spread)
    return model.eval()


def load(folder: str, dtype: torch.dtype = torch.float32) -> Any:
    """Return the model in a folder, as `save` or transformers writes it; raises BadInput where none loads."""
    torchvision_ready()
    import transformers

    if not os.path.isfile(os.path.join(folder, "config.json")):
        raise BadInput("no config.json there", where=folder, remedy="give a folder that a model was saved into")
    transformers.utils.logging.disable_progress_bar()
    kind = transformers.PreTrainedConfig.get_config_dict(folder, local_files_only=True)[0].get("model_type")
    if kind not in ("glm4v", "glm4v_moe"):
        raise BadInput(f"holds a {kind}", where=folder, remedy="give a glm4v or glm4v_moe checkpoint")
    return whole(transformers.AutoModelForImageTextToText, folder, dtype).eval()


def whole(model_class: Any, folder: str, dtype: torch.dtype | str) -> Any:
    """Return a model of transformers from a folder that has every weight of it, where transformers would only warn."""
    try:
        model, found = model_class.from_pretrained(folder, dtype=dtype, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        said = str(error).strip() or type(error).__name__
        raise BadInput(f"does not load: {said.splitlines()[0]}", where=folder, remedy="was it saved whole?") from None
    absent = sorted([*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])])
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise BadInput(f"lacks {absent[0]}{more}", where=folder, remedy="was it saved whole?")
    return model


def counts(preset: Preset, vocabulary: int = 0) -> tuple[int, int]:
    """Return how many parameters a preset has, and how many router biases, which are buffers and not parameters."""
    model = build(preset, vocabulary=vocabulary, device="meta")
    biases = sum(buffer.numel() for name, buffer in model.named_buffers() if name.endswith("e_score_correction_bias"))
    return sum(parameter.numel() for parameter in model.parameters()), biases
