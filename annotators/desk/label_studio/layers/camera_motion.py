"""Camera motion: whether it is clear, and then every move with its time, in CameraBench's primitives.

First comes the question whether the motion is clear and consistent: where it is not, only what is certain is marked and
the rest is told in a sentence, so that silence is never read as an answer.
"""

from __future__ import annotations

from annotators.desk.label_studio.sheet import NOT_SURE, Choice, Line, Sheet, Spans
from schemas.camera import PRIMITIVES
from schemas.vocabulary import camera, people

CAMERA_MOTION = Sheet(
    "camera_motion",
    (
        Choice(people.CAMERA_CLEAR.name, ("yes", "no"), "Is the motion clear and consistent?", required=True),
        Choice(
            people.CAMERA_STEADINESS.name,
            ("static", "very_smooth", "smooth", "unsteady", "very_unsteady", NOT_SURE),
            "How steadily is the camera held?",
        ),
        Choice(people.CAMERA_PACE.name, ("slow", "regular", "fast", NOT_SURE), "How fast does it move?"),
        Choice(
            people.CAMERA_TRACKING.name,
            ("none", "side", "tail", "lead", "aerial", "arc", "pan", "tilt", NOT_SURE),
            "Does it follow a subject, and from where?",
        ),
        Line(people.CAMERA_DESCRIPTION.name, "What the camera does, in a sentence", rows=3),
        Spans(camera.CAMERA_MOTION.name, PRIMITIVES, says="Each move from its first frame to its last"),
    ),
)
