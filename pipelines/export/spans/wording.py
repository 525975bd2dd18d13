"""How questions about a clip are worded, and how a camera's moves are called in a sentence."""

from __future__ import annotations

from msgspec import Struct

from schemas.vocabulary.people import SHOT_FOCUS, SHOT_LENS, SHOT_LIGHTING
from schemas.vocabulary.shot_labels import SHOT_ANGLE, SHOT_COMPOSITION, SHOT_FRAMING, SHOT_SCALE

CAPTION_ASKED = (
    "Describe this clip.",
    "What happens in this clip?",
    "What does this clip show?",
    "Say in a sentence or two what can be seen here.",
    "Give a description of the video.",
)
GROUNDING_ASKED = (
    "When does this happen: {what}?",
    'At what time can this be seen: "{what}"?',
    'From when to when does the following take place? "{what}"',
    'Find the part of the clip that this describes: "{what}". Give its start and its end in seconds.',
)
GROUNDING_ANSWERED = (
    "From {start} s to {end} s.",
    "It starts at {start} s and ends at {end} s.",
    "Between {start} and {end} seconds.",
)
MOTION_ASKED = (
    "How does the camera move in this clip?",
    "What does the camera do?",
    "Describe the motion of the camera.",
)
MOTION_WHEN_ASKED = (
    "When does the camera {does}?",
    "From when to when does the camera {does}?",
    "In which part of the clip does the camera {does}?",
)
ACTIONS_ASKED = (
    "What is done in this clip, and by whom?",
    "Which actions can be seen here?",
    "Tell the actions in this clip in their order.",
)
TEXTS_ASKED = (
    "What is written in this clip?",
    "Which texts can be read here?",
    "Copy the text that can be seen in the video.",
)
FRAMING_ASKED = (
    "How is this shot framed?",
    "Describe the scale, the angle and the composition of the shot.",
    "How is the picture composed in this shot?",
)
FRAMED = (
    (SHOT_SCALE.name, "scale"),
    (SHOT_FRAMING.name, "framing"),
    (SHOT_ANGLE.name, "angle"),
    (SHOT_LENS.name, "lens"),
    (SHOT_COMPOSITION.name, "composition"),
    (SHOT_LIGHTING.name, "lighting"),
    (SHOT_FOCUS.name, "focus"),
)
"""What is told of a shot's framing, in order."""
SEVERAL_ANSWERED = "The camera {moves}."


class Move(Struct, frozen=True):
    """A move of the camera as it is asked for (it does ...) and told (it ...)."""

    asked: str
    told: str


MOVES = {
    "pan_left": Move("pan to the left", "pans to the left"),
    "pan_right": Move("pan to the right", "pans to the right"),
    "tilt_up": Move("tilt up", "tilts up"),
    "tilt_down": Move("tilt down", "tilts down"),
    "roll_clockwise": Move("roll clockwise", "rolls clockwise"),
    "roll_counterclockwise": Move("roll counter-clockwise", "rolls counter-clockwise"),
    "zoom_in": Move("zoom in", "zooms in"),
    "zoom_out": Move("zoom out", "zooms out"),
    "truck_left": Move("truck to the left", "trucks to the left"),
    "truck_right": Move("truck to the right", "trucks to the right"),
    "pedestal_up": Move("rise on a pedestal", "rises on a pedestal"),
    "pedestal_down": Move("sink on a pedestal", "sinks on a pedestal"),
    "dolly_in": Move("dolly in", "dollies in"),
    "dolly_out": Move("dolly out", "dollies out"),
    "static": Move("stand still", "stands still"),
    "shake": Move("shake", "shakes"),
}
"""By primitive; a note of another name is not told of."""
