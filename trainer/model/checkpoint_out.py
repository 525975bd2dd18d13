"""A model as a folder that other programs load: weights, configuration, tokenizer, processor, chat template.

The folder appears whole or not at all. Beside transformers' one file for the processor stand the two that older readers
look for. What is specific to training (attention within documents) is not in it.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from msgspec import json

from schemas.errors import BadInput, Unavailable
from trainer.documents import special
from trainer.documents.chat_template import CHAT_TEMPLATES
from trainer.documents.codec import Codec
from trainer.documents.grid import UNIT_PX
from trainer.documents.tokens import Tokens
from trainer.model.attention import attending_plainly
from trainer.model.torchvision_ready import torchvision_ready


def save(model: Any, codec: Codec, folder: str) -> None:
    """Write the folder; raises BadInput where something is there already, Unavailable where the disk fails."""
    if os.path.lexists(folder):
        raise BadInput("is there already", where=folder, remedy="choose another name or take it away")
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    half = f"{folder}.half"
    shutil.rmtree(half, ignore_errors=True)
    try:
        os.makedirs(half)
        _generation(model, codec.tokens)
        with attending_plainly(model):
            model.save_pretrained(half)
        made = processor(codec)
        made.save_pretrained(half)
        made.image_processor.save_pretrained(half)
        made.video_processor.save_pretrained(half)
        _exact_tokenizer(half, codec.tokens)
        os.rename(half, folder)
    except OSError as error:
        shutil.rmtree(half, ignore_errors=True)
        raise Unavailable(f"could not be written: {error.strerror or error}", where=folder) from None


def _generation(model: Any, tokens: Tokens) -> None:
    ids = tokens.ids()
    model.generation_config.eos_token_id = list(ids.stops)
    model.generation_config.pad_token_id = ids.end


def _exact_tokenizer(folder: str, tokens: Tokens) -> None:
    """Put the tokenizer's own bytes back, so that its digest stays, and the class that readers of all versions know."""
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as out:
        out.write(tokens.json)
    path = os.path.join(folder, "tokenizer_config.json")
    with open(path, "rb") as opened:
        said = json.decode(opened.read()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    with open(path, "wb") as out_bytes:
        out_bytes.write(json.format(json.encode(said), indent=2))


def processor(codec: Codec) -> Any:
    """Return transformers' processor made of a codec: its tokenizer, picture and clip rules, and chat template."""
    torchvision_ready()
    import transformers

    return transformers.Glm4vProcessor(
        image_processor=transformers.Glm4vImageProcessor(
            size=_limits(codec.picture.least_tokens, codec.picture.most_tokens)
        ),
        tokenizer=fast_tokenizer(codec.tokens),
        video_processor=transformers.Glm4vVideoProcessor(
            size=_limits(codec.clip.least_tokens, codec.clip.most_tokens),
            fps=codec.clip.frames_per_s,
            max_duration=codec.clip.most_s,
        ),
        chat_template=CHAT_TEMPLATES[codec.family],
    )


def _limits(least_tokens: int, most_tokens: int) -> dict[str, int]:
    return {"shortest_edge": least_tokens * UNIT_PX, "longest_edge": most_tokens * UNIT_PX}


def fast_tokenizer(tokens: Tokens) -> Any:
    """Return transformers' tokenizer of the same words."""
    torchvision_ready()
    import transformers
    from tokenizers import Tokenizer

    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(tokens.json),
        eos_token=special.END,
        pad_token=special.END,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": special.IMAGE, "video_token": special.VIDEO},
    )
