"""What a camera may do: primitives of motion, which of them look alike, and what is undone by what.

Names are CameraBench's. A pan turns the camera about its upright axis and a truck carries it sideways: on a distant
scene the two pictures are one, so geometry names the first of such a pair for both.
"""

from __future__ import annotations

STATIC = "static"
SHAKE = "shake"

OPPOSITES = (
    ("pan_left", "pan_right"),
    ("tilt_up", "tilt_down"),
    ("roll_clockwise", "roll_counterclockwise"),
    ("zoom_in", "zoom_out"),
)
"""What turning and zooming may do; a left pan moves the picture to the right."""

TOLD = (*(name for pair in OPPOSITES for name in pair), STATIC, SHAKE)
"""What can be told from the motion of the whole picture."""

LOOKS_LIKE = {
    "truck_left": "pan_left",
    "truck_right": "pan_right",
    "pedestal_up": "tilt_up",
    "pedestal_down": "tilt_down",
    "dolly_in": "zoom_in",
    "dolly_out": "zoom_out",
}
"""Moves that carry the camera, each with the one that turns or zooms and looks alike."""

PRIMITIVES = (*TOLD, *LOOKS_LIKE)
"""Every primitive that a note may name."""
