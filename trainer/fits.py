"""Whether a model, its preset and its tokenizer belong together: asked before a step is taken, answered in one line."""

from __future__ import annotations

from typing import Any

from schemas.errors import BadInput
from trainer.model import configuration
from trainer.presets import Preset
from trainer.tokens import Tokens

_BY_TOKENIZER = ("vocab_size", "pad_token_id", "eos_token_id")
_OF_TRAINING = ("initializer_range", "dtype")


def check_tokens(model: Any, tokens: Tokens, where: str) -> None:
    """Raise BadInput where a tokenizer's ids are not those that the model was made for."""
    ids, said = tokens.ids(), model.config
    rows = said.text_config.vocab_size
    if tokens.size > rows:
        raise BadInput(f"{tokens.where} has {tokens.size} tokens, the model {rows} rows", where=where, remedy=_REMEDY)
    for name, given, wanted in (
        ("<|image|>", ids.image, said.image_token_id),
        ("<|begin_of_image|>", ids.begin_image, said.image_start_token_id),
        ("<|begin_of_video|>", ids.begin_video, said.video_start_token_id),
    ):
        if given != wanted:
            raise BadInput(f"{name} is {given} in {tokens.where}, the model's {wanted}", where=where, remedy=_REMEDY)


def check_preset(model: Any, preset: Preset, where: str) -> None:
    """Raise BadInput where a checkpoint has another shape than the preset that is asked for."""
    wanted = configuration(preset, vocabulary=model.config.text_config.vocab_size)
    if wanted.model_type != model.config.model_type:
        raise BadInput(f"holds a {model.config.model_type}, {preset.name} is a {wanted.model_type}", where=where)
    for part in ("text_config", "vision_config"):
        given, asked = getattr(model.config, part).to_dict(), getattr(wanted, part).to_dict()
        for name, value in asked.items():
            if name not in (*_BY_TOKENIZER, *_OF_TRAINING) and given.get(name) != value:
                raise BadInput(
                    f"{name} is {given.get(name)}, {preset.name} has {value}",
                    where=where,
                    remedy="name the preset that it was trained with",
                )


_REMEDY = "give the tokenizer that it was trained with"
