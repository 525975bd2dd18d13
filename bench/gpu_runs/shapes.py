"""Models by their shapes, built on the device: transformers' Glm4v, with weights drawn.

They are spelt out here and not taken from the trainer's presets, which need a package that a bare machine lacks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from trainer.model.torchvision_ready import torchvision_ready

END, IMAGE, BEGIN_IMAGE, END_IMAGE, FIRST_WORD = range(5)


class Shape(NamedTuple):
    """A decoder and a tower; heads of the decoder are 128 wide but in the tiny one."""

    name: str
    layers: int
    hidden: int
    ffn: int
    heads: int
    blocks: int = 24
    tower: int = 1536
    tower_heads: int = 12
    head_dim: int = 128
    words: int = 151_552


TINY = Shape("tiny", 2, 64, 128, 4, blocks=1, tower=64, tower_heads=4, head_dim=32, words=512)
TEXT_1B5 = Shape("1.5B, text alone", 20, 2048, 6144, 16, blocks=1)
TEXT_4B = Shape("4B, text alone", 30, 3072, 9216, 24, blocks=1)
SEEING_2B = Shape("1.5B and a tower", 20, 2048, 6144, 16)
SEEING_1B = Shape("0.9B and a tower", 16, 1536, 4608, 12, blocks=12, tower=1024, tower_heads=8)
CUT_6B = Shape("9B, 20 of its 40 layers", 20, 4096, 13_696, 32)
WHOLE_9B = Shape("9B", 40, 4096, 13_696, 32)


def built(shape: Shape, device: str, dtype: torch.dtype) -> Any:
    """Return the model of a shape with weights drawn, on the device."""
    torchvision_ready()
    import transformers

    said = transformers.Glm4vConfig(
        text_config=_decoder(shape),
        vision_config={
            "depth": shape.blocks,
            "hidden_size": shape.tower,
            "num_heads": shape.tower_heads,
            "intermediate_size": shape.ffn,
            "out_hidden_size": shape.hidden,
        },
        image_token_id=IMAGE,
        image_start_token_id=BEGIN_IMAGE,
        image_end_token_id=END_IMAGE,
    )
    with torch.device(device):
        torch.manual_seed(0)
        return transformers.Glm4vForConditionalGeneration._from_config(said, dtype=dtype).train()


def _decoder(shape: Shape) -> dict[str, Any]:
    sections = [shape.head_dim // 16, *[3 * shape.head_dim // 32] * 2]
    return {
        "vocab_size": shape.words,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": 2,
        "head_dim": shape.head_dim,
        "max_position_embeddings": 65_536,
        "pad_token_id": END,
        "eos_token_id": [END],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 0.5,
            "mrope_section": sections,
        },
    }
