"""Judgements over the text that OCR found in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from filters.filter import Filter
from schemas.verdict import Verdict


class HasSceneText(Filter, frozen=True):
    """Keeps pictures with at least `least` valid lines; what is measured is how many there are.

    A line is valid where the engine is at least as sure of it as `confidence`, and it is at least `height_px` high and
    `chars` long, spaces not counted. The reference keeps pictures with one valid detection (section A.3) and does not
    say what makes one valid.
    """

    least: int = 1
    confidence: float = 0.6
    height_px: float = 8.0
    chars: int = 2

    reads: ClassVar = ("scene_texts", "scene_text_confidences", "scene_text_heights_px")
    reasons: ClassVar = ("no_scene_text",)

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        valid = sum(
            confidence >= self.confidence and height >= self.height_px and len("".join(text.split())) >= self.chars
            for text, confidence, height in zip(
                notes["scene_texts"], notes["scene_text_confidences"], notes["scene_text_heights_px"], strict=True
            )
        )
        kept = valid >= self.least
        return Verdict(kept, "" if kept else "no_scene_text", float(valid))
