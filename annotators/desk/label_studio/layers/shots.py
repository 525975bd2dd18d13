"""Shots and composition: where each shot begins and how, and how it is framed, lit and composed.

Options of one question exclude each other; scales stand in their order, from far to near, so that agreement may count
neighbours as near.
"""

from __future__ import annotations

from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Sheet, Spans
from schemas import vocabulary as names

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
            names.SHOT.name,
            BEGINS,
            fields=(
                Choice(names.SHOT_SCALE.name, (*SCALES, NOT_SURE), "How much of the subject is seen?", required=True),
                Choice(
                    names.SHOT_FRAMING.name,
                    ("single", "two", "three", "group", "over_the_shoulder", "point_of_view", "insert", "establishing"),
                ),
                Choice(names.SHOT_ANGLE.name, ("birds_eye", "high", "eye", "low", "worms_eye", NOT_SURE)),
                Choice(names.SHOT_LENS.name, ("ultra_wide", "wide", "normal", "long", "macro", "fisheye", NOT_SURE)),
                Choice(names.SHOT_COMPOSITION.name, COMPOSITIONS, several=True),
                Choice(
                    names.SHOT_LIGHTING.name,
                    ("high_key", "low_key", "silhouette", "back", "side", "top", "soft", "hard", NOT_SURE),
                ),
                Choice(names.SHOT_FOCUS.name, ("deep", "shallow", "rack", NOT_SURE)),
            ),
            says="Each shot, by how it begins",
        ),
    ),
)
