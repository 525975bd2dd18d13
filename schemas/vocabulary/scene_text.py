"""Text in a picture: what OCR read, where, and how sure it is."""

from __future__ import annotations

from schemas.vocabulary.name import Name

SCENE_TEXTS = Name("scene_texts", "list<string>", "", "lines of text in the picture, in rows from the top down")
SCENE_TEXT_CONFIDENCES = Name("scene_text_confidences", "list<float64>", "", "how sure OCR is of each line", 0, 1)
SCENE_TEXT_HEIGHTS_PX = Name("scene_text_heights_px", "list<float64>", "px", "how high each line is written", 0)
SCENE_TEXT_BOXES = Name(
    "scene_text_boxes",
    "list<float64>",
    "",
    "left, top, right, bottom of each line as shares of the upright picture",
    0,
    1,
)
SCENE_TEXT = Name("scene_text", "string", "", "a line of text, a note on its four corners")
SCENE_TEXT_CONFIDENCE = Name("scene_text_confidence", "float64", "", "how sure OCR is of it, on the same corners", 0, 1)
