"""Shots and composition: where each shot begins and how, and how it is framed, lit and composed.

Options of one question exclude each other; scales stand in their order, from far to near, so that agreement may count
neighbours as near.
"""

from __future__ import annotations

from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Sheet, Spans
from schemas.vocabulary.people import SHOT_FOCUS, SHOT_LENS, SHOT_LIGHTING
from schemas.vocabulary.shot_labels import SHOT_ANGLE, SHOT_COMPOSITION, SHOT_FRAMING, SHOT_SCALE
from schemas.vocabulary.shots import SHOT

BEGINS = ("start", "cut", "fade", "dissolve", "wipe")
SCALES = (
    "extreme_long",
    "long",
    "full",
    "medium_long",
    "medium",
    "medium_close_up",
    "close_up",
    "extreme_close_up",
)
COMPOSITIONS = (
    "thirds",
    "centered",
    "symmetry",
    "leading_lines",
    "frame_within_frame",
    "diagonal",
    "negative_space",
    "foreground_depth",
    "layering",
)

SHOTS = Sheet(
    "shots",
    (
        Spans(
            SHOT.name,
            BEGINS,
            fields=(
                Choice(SHOT_SCALE.name, (*SCALES, NOT_SURE), "How much of the subject is seen?", required=True),
                Choice(
                    SHOT_FRAMING.name,
                    ("single", "two", "three", "group", "over_the_shoulder", "point_of_view", "insert", "establishing"),
                ),
                Choice(SHOT_ANGLE.name, ("birds_eye", "high", "eye", "low", "worms_eye", NOT_SURE)),
                Choice(SHOT_LENS.name, ("ultra_wide", "wide", "normal", "long", "macro", "fisheye", NOT_SURE)),
                Choice(SHOT_COMPOSITION.name, COMPOSITIONS, several=True),
                Choice(
                    SHOT_LIGHTING.name,
                    ("high_key", "low_key", "silhouette", "back", "side", "top", "soft", "hard", NOT_SURE),
                ),
                Choice(SHOT_FOCUS.name, ("deep", "shallow", "rack", NOT_SURE)),
            ),
            says="Each shot, by how it begins",
        ),
    ),
)
