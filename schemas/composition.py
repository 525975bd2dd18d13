"""How a shot is taken: its scale, framing, angle and composition, each label with what it says.

Labels of one field exclude each other, but for those of composition. Lens and lighting are left out: models that answer
such questions are right hardly oftener than by chance there, and the file does not tell.
"""

from __future__ import annotations

NOT_SURE = "not_sure"
"""An answer, and no label: what it stands at is not known."""

SCALES = {
    "extreme_long_shot": "a landscape or a city, people tiny or none",
    "long_shot": "whole figures, small in their surroundings",
    "full_shot": "a figure from head to foot, filling the height",
    "medium_long_shot": "from the knees up",
    "medium_shot": "from the waist up",
    "medium_close_up": "from the chest up",
    "close_up": "a face, or a thing of that size",
    "extreme_close_up": "part of a face, or a detail",
    "insert": "a thing or a text shown by itself",
    "foreground": "what is nearest fills the view, what matters is behind it",
}
"""From far to near, then two that are neither."""

FRAMINGS = {
    "single": "one person",
    "two": "two persons",
    "three": "three persons",
    "group": "four persons or more",
    "over_the_shoulder": "past one person at another",
    "pov": "what a person in it sees",
    "insert": "a thing and no person",
    "establishing": "the place in which it happens",
}

ANGLES = {
    "birds_eye": "straight down",
    "high": "from above",
    "eye": "level with what is shown",
    "low": "from below",
    "worms_eye": "straight up, or from the ground",
}

COMPOSITIONS = {
    "thirds": "what matters lies on a line of thirds",
    "centered": "what matters lies in the middle",
    "symmetry": "one half mirrors the other",
    "leading_lines": "lines lead to what matters",
    "frame_within_frame": "a door, a window, an arch around it",
    "diagonal": "slanting lines rule the view",
    "negative_space": "most of the view is empty",
    "foreground_depth": "something near gives depth",
    "layering": "foreground, middle and background each show something",
}
"""Of these any number may hold."""
