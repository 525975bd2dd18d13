"""Recipes of pictures alone: their headers, and text in scenes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from annotators.header import Header
from annotators.ocr import Ocr
from filters.image import HasPicture, MaxAspect, MaxPixels, MinSide, Still
from filters.scenetext import HasSceneText
from pipelines.recipes.recipe import Annotate, Keep, Recipe

Count = Annotated[int, Meta(ge=1)]
Number = Annotated[float, Meta(ge=0)]


def headers_only() -> Recipe:
    """Pictures by their headers alone: shape and size."""
    return Recipe(
        "headers-only",
        Keep(HasPicture()),
        Annotate(Header()),
        Keep(MinSide(px=28)),
        Keep(MaxAspect(ratio=200)),
        Keep(MaxPixels(mpx=100)),
    )


def scene_text(
    least: Count = 1, confidence: Number = 0.6, height_px: Number = 8.0, chars: Count = 2, side_px: Count = 960
) -> Recipe:
    """Pictures with text in them that OCR can read: at least one valid line, as the reference keeps.

    A line is valid by its confidence, height and length; text is looked for at `side_px` of the longer side.
    """
    return Recipe(
        "scene-text",
        Keep(HasPicture()),
        Annotate(Header()),
        Keep(Still()),
        Keep(MinSide(px=28)),
        Annotate(Ocr(side_px=side_px)),
        Keep(HasSceneText(least, confidence, height_px, chars)),
    )
