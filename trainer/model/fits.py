"""Whether a tokenizer is the one that a model was made for: asked before a step is taken, answered in one line."""

from __future__ import annotations

from typing import Any

from schemas.errors import BadInput
from trainer.documents.tokens import Tokens

_REMEDY = "give the tokenizer that it was trained with"


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
