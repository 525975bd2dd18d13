"""The codec of a saved folder, so that what was trained on one stage is encoded the same way in the next."""

from __future__ import annotations

import os
from typing import Any

from msgspec import DecodeError, Struct, ValidationError, convert, json

from schemas.errors import BadInput
from trainer.clip_frames import ClipRule
from trainer.codec import Codec
from trainer.grid import SLICE_TOKEN_PX
from trainer.picture import PictureRule
from trainer.special import Family
from trainer.tokens import read_tokens

_FAMILIES: dict[str, Family] = {"glm4v": "4.1v", "glm4v_moe": "4.5v"}


class _Model(Struct):
    model_type: str


class _Size(Struct):
    shortest_edge: int
    longest_edge: int

    def tokens(self) -> dict[str, int]:
        return {
            "least_tokens": self.shortest_edge // SLICE_TOKEN_PX,
            "most_tokens": self.longest_edge // SLICE_TOKEN_PX,
        }


class _Pictures(Struct):
    size: _Size


class _Clips(Struct):
    size: _Size
    fps: float
    max_duration: float


def read_codec(folder: str) -> Codec:
    """Return the codec that a folder was saved with; raises BadInput where it has none."""
    kind = _read(folder, "config.json", _Model).model_type
    if kind not in _FAMILIES:
        raise BadInput(f"holds a {kind}", where=folder, remedy="give a glm4v or glm4v_moe checkpoint")
    pictures = _read(folder, "preprocessor_config.json", _Pictures)
    clips = _read(folder, "video_preprocessor_config.json", _Clips)
    return Codec(
        _FAMILIES[kind],
        read_tokens(folder),
        PictureRule(**pictures.size.tokens()),
        ClipRule(frames_per_s=clips.fps, most_s=clips.max_duration, **clips.size.tokens()),
    )


def _read(folder: str, name: str, kind: type[Any]) -> Any:
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as opened:
            return convert(json.decode(opened.read()), kind)
    except OSError as error:
        raise BadInput(str(error.strerror), where=path, remedy="give a folder that a model was saved into") from None
    except (DecodeError, ValidationError) as error:
        raise BadInput(str(error), where=path, remedy="was it written by something else?") from None
