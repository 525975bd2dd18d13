"""Where a run's weights come from: drawn, a folder that was saved, or a tower and a decoder of others."""

from __future__ import annotations

import os
from typing import Any

import torch
from msgspec import Struct
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from schemas.errors import BadInput
from trainer.documents.codec import Codec
from trainer.loop.parallel import Ranks
from trainer.model.balance import hold_biases_exact
from trainer.model.checkpoint_in import take_decoder, take_tower
from trainer.model.fits import check_tokens
from trainer.model.forward import Trainee
from trainer.model.model import build, load
from trainer.model.presets import preset

MODEL, TOKENIZER = "model", "tokenizer.json"


class Start(Struct, frozen=True):
    """A run or a saved model to begin with, or checkpoints of a tower and a decoder; without any, weights are drawn."""

    folder: str = ""
    tower: str = ""
    decoder: str = ""


def model_folder(folder: str) -> str:
    """Return the folder of the saved model that a start names; raises BadInput for a run that has none yet."""
    if os.path.isfile(os.path.join(folder, "config.json")):
        return folder
    inner = os.path.join(folder, MODEL)
    if os.path.isfile(os.path.join(inner, "config.json")):
        return inner
    is_run = os.path.isdir(os.path.join(folder, "checkpoints"))
    raise BadInput(
        "the run has not ended" if is_run else "no model is saved there",
        where=f"--from {folder}",
        remedy="let its command go on to the end" if is_run else "give a run's folder, or one with a config.json",
    )


def tokenizer_of(start: Start, given: str) -> str:
    """Return the path of the tokenizer: the one that is given, else that of the model to begin with, else none."""
    return given or (os.path.join(start.folder, TOKENIZER) if start.folder else "")


def started(start: Start, name: str, codec: Codec, dtype: torch.dtype, seed: int) -> Any:
    """Return the model of a preset to begin with; raises BadInput where what is given is another model's."""
    of, ids, words = preset(name), codec.tokens.ids(), codec.tokens.size
    if start.folder:
        model = load(model_folder(start.folder), dtype)
        check_tokens(model, codec.tokens, f"--from {start.folder}")
        _compare(model, build(of, ids, words, device="meta"), name, start.folder)
    else:
        model = build(of, ids, words, seed=seed, dtype=dtype)
    if start.tower:
        take_tower(model, start.tower)
    if start.decoder:
        take_decoder(model, start.decoder)
    hold_biases_exact(model)
    return model


def _compare(model: Any, wanted: Any, name: str, folder: str) -> None:
    has, needs = ({key: tuple(value.shape) for key, value in one.state_dict().items()} for one in (model, wanted))
    differ = [key for key in {**needs, **has} if has.get(key) != needs.get(key)]
    if differ:
        first = differ[0]
        raise BadInput(
            f"is no {name} with this tokenizer: {first} is {has.get(first, 'not there')}, "
            f"the preset's {needs.get(first, 'not there')}",
            where=f"--from {folder}",
            remedy="give the preset that it was trained with",
        )


def whole_model(trainee: Trainee, name: str, codec: Codec, among: Ranks) -> Any:
    """Return the model with all of its weights on the first rank, None on others; every rank has to ask."""
    if among.count == 1:
        return trainee.model
    weights = get_model_state_dict(trainee, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if among.rank != 0:
        return None
    model = build(preset(name), codec.tokens.ids(), codec.tokens.size, dtype=next(trainee.parameters()).dtype)
    hold_biases_exact(model)
    model.load_state_dict({name.removeprefix("model."): weight for name, weight in weights.items()}, strict=False)
    return model
