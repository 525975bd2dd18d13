"""Actions: what is done in a clip, when, by whom, to what, and whether all of it is seen."""

from __future__ import annotations

from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Line, Sheet, Spans
from schemas.vocabulary import people as names

VERBS = (
    "move",
    "turn",
    "hold",
    "pick_up",
    "put_down",
    "give",
    "open",
    "close",
    "cut",
    "join",
    "hit",
    "throw",
    "catch",
    "eat",
    "drink",
    "write",
    "speak",
    "gesture",
    "look",
    "other",
)
"""Coarse verbs, each apart from the others on sight; what exactly is done stands in the description."""

ACTIONS = Sheet(
    "actions",
    (
        Spans(
            names.ACTION.name,
            VERBS,
            fields=(
                Line(names.ACTION_DESCRIPTION.name, "The action in a sentence: who, what, with what, how", rows=3),
                Line(names.ACTION_ACTOR.name, "Who or what does it", required=True),
                Line(names.ACTION_OBJECTS.name, "To what, and with what"),
                Choice(names.ACTION_PHASE.name, ("preparation", "execution", "completion", NOT_SURE)),
                Choice(names.ACTION_COMPLETENESS.name, ("full", "cut_start", "cut_end", NOT_SURE)),
            ),
            says="Each action from its first frame to its last",
        ),
    ),
)
