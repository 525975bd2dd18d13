"""The codec of a saved folder: its tokenizer, its family and what its pictures and clips may cost, read from its files.

The other way round from checkpoint_out.py; published folders of GLM-4.1V and GLM-4.5V hold the same files. No torch is
needed, so a wrong folder is told before anything heavy begins.
"""

from __future__ import annotations

import os
from hashlib import file_digest, sha256
from typing import Any

import msgspec

from schemas.errors import BadInput
from trainer.documents.clip_frames import ClipRule
from trainer.documents.codec import Codec
from trainer.documents.grid import UNIT_PX
from trainer.documents.picture import PictureRule
from trainer.documents.special import Family
from trainer.documents.tokens import read_tokens

FAMILIES: dict[str, Family] = {"glm4v": "4.1v", "glm4v_moe": "4.5v"}
_REMEDY = "give a folder that a model was saved into whole"


def read_codec(folder: str) -> Codec:
    """Return the codec; raises BadInput for a folder that is not a saved model's."""
    if not os.path.isdir(folder):
        raise BadInput("no such folder", where=folder, remedy="give a folder that a model was saved into")
    inner = os.path.join(folder, "model")
    if not os.path.isfile(os.path.join(folder, "config.json")) and os.path.isfile(os.path.join(inner, "config.json")):
        raise BadInput("a run of training, not its model", where=folder, remedy=f"give {inner}")
    kind = _read(folder, "config.json").get("model_type")
    if kind not in FAMILIES:
        raise BadInput(f"holds a {kind}", where=folder, remedy="give a glm4v or glm4v_moe checkpoint")
    if not _weights(folder):
        raise BadInput("no weights (*.safetensors) there", where=folder, remedy=_REMEDY)
    pictures, clips = _read(folder, "preprocessor_config.json"), _read(folder, "video_preprocessor_config.json")
    return Codec(
        FAMILIES[kind],
        read_tokens(folder),
        PictureRule(*_limits(pictures, folder)),
        _clip_rule(clips, folder),
    )


def weights_version(folder: str) -> str:
    """Return 12 hex digits of a digest of the weights; a gigabyte takes about a second."""
    found = sha256()
    for name in _weights(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found.update(file_digest(file, "sha256").digest())
    return found.hexdigest()[:12]


def _weights(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".safetensors"))


def _clip_rule(said: dict[str, Any], folder: str) -> ClipRule:
    rule, (least, most) = ClipRule(), _limits(said, folder)
    return ClipRule(said.get("fps", rule.frames_per_s), said.get("max_duration", rule.most_s), least, most)


def _limits(said: dict[str, Any], folder: str) -> tuple[int, int]:
    try:
        return said["size"]["shortest_edge"] // UNIT_PX, said["size"]["longest_edge"] // UNIT_PX
    except (KeyError, TypeError):
        raise BadInput("its preprocessors state no size", where=folder, remedy=_REMEDY) from None


def _read(folder: str, name: str) -> dict[str, Any]:
    where = os.path.join(folder, name)
    try:
        with open(where, "rb") as file:
            return msgspec.json.decode(file.read(), type=dict)
    except OSError as error:
        raise BadInput(f"{error.strerror}", where=where, remedy=_REMEDY) from None
    except msgspec.DecodeError as error:
        raise BadInput(f"is no JSON: {error}", where=where, remedy=_REMEDY) from None
