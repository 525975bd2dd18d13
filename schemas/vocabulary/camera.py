"""The camera: what it does, when, and how fast."""

from __future__ import annotations

from schemas.vocabulary.name import Name

CAMERA_MOTIONS = Name("camera_motions", "list<string>", "", "what the camera does, by the time that it takes")
CAMERA_MOTION_SHARES = Name("camera_motion_shares", "list<float64>", "", "share of the time that each takes", 0, 1)
CAMERA_SHAKE = Name("camera_shake", "float64", "widths", "how far the picture jitters about its smooth path", 0)
CAMERA_SEEN_SHARE = Name(
    "camera_seen_share", "float64", "", "share of the time in which the motion could be told", 0, 1
)
CAMERA_MOTION = Name("camera_motion", "string", "", "what the camera does, a note on a time span")
CAMERA_MOTION_CONFIDENCE = Name("camera_motion_confidence", "float64", "", "how sure of it, on the same span", 0, 1)
CAMERA_SPEED = Name("camera_speed", "float64", "widths, e-folds or radians a second", "how fast, on the same span", 0)
