"""Special tokens: their names, and the ids that a tokenizer gives them.

A model's shape needs a few of their ids, a template needs all of their names. The ids of the two published families
stand here, for presets that are built without a tokenizer at hand.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Family = Literal["4.1v", "4.5v"]

END = "<|endoftext|>"
START = ("[gMASK]", "<sop>")
SYSTEM, USER, ASSISTANT, OBSERVATION = "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"
BEGIN_IMAGE, IMAGE, END_IMAGE = "<|begin_of_image|>", "<|image|>", "<|end_of_image|>"
BEGIN_VIDEO, VIDEO, END_VIDEO = "<|begin_of_video|>", "<|video|>", "<|end_of_video|>"
THINK, END_THINK = "<think>", "</think>"
ANSWER, END_ANSWER = "<answer>", "</answer>"
BEGIN_BOX, END_BOX = "<|begin_of_box|>", "<|end_of_box|>"
NO_THINK = "/nothink"

COMMON = (
    *(END, *START, SYSTEM, USER, ASSISTANT, OBSERVATION),
    *(BEGIN_IMAGE, END_IMAGE, BEGIN_VIDEO, END_VIDEO, IMAGE, VIDEO),
    *(THINK, END_THINK, BEGIN_BOX, END_BOX),
)
"""What every tokenizer must hold as one id each."""

OF_FAMILY: dict[Family, tuple[str, ...]] = {"4.1v": (ANSWER, END_ANSWER), "4.5v": (NO_THINK,)}
"""What the tokenizer of a family must hold besides."""

SPECIAL = (*COMMON, *OF_FAMILY["4.1v"], *OF_FAMILY["4.5v"])
"""What a vocabulary of our own holds, in its order."""


class SpecialIds(Struct, frozen=True):
    """The ids that a model's configuration names; a generation stops at any of `stops`."""

    end: int
    stops: tuple[int, ...]
    image: int
    video: int
    begin_image: int
    end_image: int
    begin_video: int
    end_video: int


def _published(image: int, video: int) -> SpecialIds:
    return SpecialIds(151_329, (151_329, 151_336, 151_338), image, video, 151_339, 151_340, 151_341, 151_342)


PUBLISHED: dict[Family, SpecialIds] = {"4.1v": _published(151_343, 151_344), "4.5v": _published(151_363, 151_364)}
