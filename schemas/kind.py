"""Kinds: what a sample is to a training, and about how many tokens it will be, from its parts alone.

The estimate is for mixing by weight before any tokenizer is chosen: four bytes of text a token, 28 x 28 pixels a token
of a picture, two frames a second of a clip. `ostraka plan` counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil

from schemas.sample import Image, Part, Sample, Text, Video

KINDS = ("caption", "interleaved", "ocr", "grounding", "video", "instruction", "cot", "text")
"""What a document can be; the trainer's columns hold places in here."""

CAPTION_ROLES = ("caption", "recaption", "alt", "label")
TRANSCRIPT_ROLES = ("ocr", "grounding")
"""Texts that say what a picture holds: after it, each on a line."""

_THOUGHT = re.compile(r"\s*<think>\s*(?!</think>)\S")
_BYTES_A_TOKEN = 4
_PIXELS_A_TOKEN = 28 * 28
_UNSTATED_PICTURE, _MOST_PICTURE = 1024, 6144
_UNSTATED_CLIP, _CLIP_A_SECOND, _MOST_CLIP = 2048, 256, 49_152


def is_dialogue(parts: Sequence[Part]) -> bool:
    """Whether a sample is a dialogue: somebody answers in it."""
    return any(isinstance(part, Text) and part.role == "assistant" for part in parts)


def only(parts: Sequence[Part], roles: Sequence[str]) -> bool:
    """Whether a sample has texts, and all are of these roles."""
    texts = [part for part in parts if isinstance(part, Text)]
    return bool(texts) and all(part.role in roles for part in texts)


def one_medium_with(sample: Sample, roles: Sequence[str]) -> bool:
    """Whether a sample is one picture or clip with texts of these roles."""
    return sum(1 for _ in sample.media()) == 1 and only(sample.parts, roles)


def kind_of(sample: Sample) -> str:
    """Return what kind of document a sample makes; one with a clip is a video whatever else it is."""
    parts = sample.parts
    if any(isinstance(part, Video) for part in parts):
        return "video"
    if is_dialogue(parts):
        return "cot" if any(_thinks(part) for part in parts) else "instruction"
    if not any(True for _ in sample.media()):
        return "text"
    for role in TRANSCRIPT_ROLES:
        if only(parts, (role,)):
            return role
    return "caption" if one_medium_with(sample, CAPTION_ROLES) else "interleaved"


def estimated_tokens(sample: Sample) -> int:
    """Return about how many tokens a sample is; a picture or clip whose size nobody stated counts as a usual one."""
    return sum(_tokens(part) for part in sample.parts)


def _thinks(part: Part) -> bool:
    if not isinstance(part, Text):
        return False
    return (
        bool(part.text.strip())
        if part.role == "think"
        else part.role == "assistant" and bool(_THOUGHT.match(part.text))
    )


def _tokens(part: Part) -> int:
    if isinstance(part, Text):
        return ceil(len(part.text.encode()) / _BYTES_A_TOKEN)
    if isinstance(part, Image):
        pixels = part.width_px * part.height_px
        return min(ceil(pixels / _PIXELS_A_TOKEN), _MOST_PICTURE) if pixels else _UNSTATED_PICTURE
    return min(ceil(part.duration_s * _CLIP_A_SECOND), _MOST_CLIP) if part.duration_s else _UNSTATED_CLIP
