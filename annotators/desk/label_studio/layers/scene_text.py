"""In-scene text: where writing is in the picture over time, what it says, and how well it can be read."""

from __future__ import annotations

from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Line, Sheet, Tracks
from schemas.vocabulary import people, scene_text

KINDS = ("scene", "caption_overlay", "title", "subtitle", "watermark", "ui")

SCENE_TEXT = Sheet(
    "scene_text",
    (
        Tracks(
            people.SCENE_TEXT_KIND.name,
            KINDS,
            fields=(
                Line(
                    scene_text.SCENE_TEXT.name,
                    "What it says, letter by letter; ### where nobody can read it",
                    required=True,
                    copied=True,
                ),
                Choice(people.SCENE_TEXT_LEGIBILITY.name, ("clear", "degraded", "illegible", "other_language")),
                Choice(
                    people.SCENE_TEXT_SURFACE.name,
                    ("sign", "document", "screen", "clothing", "vehicle", "product", "other", NOT_SURE),
                ),
            ),
            says="Each piece of text from the frame on which it appears to the last on which it is seen",
        ),
    ),
)
