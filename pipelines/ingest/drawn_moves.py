"""A camera that moves before photographs, so that its motion is known: turned, rolled, zoomed, or carried past things.

A photograph is a plane far away. Turning and zooming move it as a real lens does, by a homography. Where the camera is
carried (truck, pedestal, dolly), things cut from another photograph stand nearer than the plane, so that there is
parallax. Shaking is drawn from a keyed hash.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.camera import STATIC
from schemas.draw import fraction

Rgb = NDArray[np.uint8]

_NEAR, _FAR = 1.0, 2.5
_REACH = 2.3
_PATCHES = 5


class Pose(Struct, frozen=True):
    """Where the camera is: turned (radians), zoomed (e-folds), carried (in units of the nearer things' distance)."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 0.0
    right: float = 0.0
    down: float = 0.0
    forward: float = 0.0


RATES: dict[str, Pose] = {
    STATIC: Pose(),
    "pan_left": Pose(yaw=-0.22),
    "pan_right": Pose(yaw=0.22),
    "tilt_up": Pose(pitch=-0.18),
    "tilt_down": Pose(pitch=0.18),
    "roll_clockwise": Pose(roll=0.25),
    "roll_counterclockwise": Pose(roll=-0.25),
    "zoom_in": Pose(zoom=0.22),
    "zoom_out": Pose(zoom=-0.22),
    "truck_left": Pose(right=-0.35),
    "truck_right": Pose(right=0.35),
    "pedestal_up": Pose(down=-0.28),
    "pedestal_down": Pose(down=0.28),
    "dolly_in": Pose(forward=0.16),
    "dolly_out": Pose(forward=-0.16),
    "shake": Pose(),
}
"""What the camera does in a second, by the name of the move."""


class Scene(Struct, frozen=True):
    """What the camera looks at: a photograph far away, and one from which nearer things are cut."""

    far: Any
    near: Any


def view(scene: Scene, move: str, speed: float, time_s: float, half_s: float, size: tuple[int, int], key: str) -> Rgb:
    """Return what the camera sees at a time of a move that is half over at `half_s`."""
    rate, at = RATES[move], (time_s - half_s) * speed
    pose = Pose(*(getattr(rate, name) * at for name in Pose.__struct_fields__))
    if move == "shake":
        yaw, pitch = (0.03 * speed * (fraction(f"{key}/{time_s:.6f}", axis) - 0.5) for axis in ("yaw", "pitch"))
        pose = Pose(yaw=yaw, pitch=pitch)
    seen = _plane(scene.far, pose, _FAR, size)
    if pose.right or pose.down or pose.forward or rate.right or rate.down or rate.forward:
        things, mask = _plane(scene.near, pose, _NEAR, size), _plane(_patches(scene.near, key), pose, _NEAR, size)
        seen = np.where(mask > 127, things, seen)
    return seen


def _plane(photo: Rgb, pose: Pose, depth: float, size: tuple[int, int]) -> Rgb:
    """Return a plane that stands across the view at a depth; it is painted so that it fills the view and more."""
    import cv2

    width, height = size
    lens = _lens(width, height, np.exp(pose.zoom))
    carried = np.array([[depth, 0, 0], [0, depth, 0], [0, 0, 1.0]])
    carried[:, 2] = -pose.right, -pose.down, depth - pose.forward
    scale = _REACH * width / photo.shape[1]
    paint = np.array(
        [[1 / width, 0, -0.5 * photo.shape[1] * scale / width], [0, 1 / width, -0.5 * photo.shape[0] * scale / width]]
    )
    painted = np.vstack([paint @ np.diag([scale, scale, 1]), [0, 0, 1]])
    to_view = lens @ _turned(pose) @ carried @ painted
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
    seen: Rgb = cv2.warpPerspective(photo, to_view, size, flags=flags, borderMode=border)
    return seen


def _lens(width: int, height: int, zoom: float) -> NDArray[np.float64]:
    return np.array([[width * zoom, 0, width / 2], [0, width * zoom, height / 2], [0, 0, 1]])


def _turned(pose: Pose) -> NDArray[np.float64]:
    """Return what turns the world before the camera: opposite to how the camera turns."""
    cy, sy, cp, sp = np.cos(pose.yaw), np.sin(pose.yaw), np.cos(pose.pitch), np.sin(pose.pitch)
    cr, sr = np.cos(pose.roll), np.sin(pose.roll)
    yaw = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    turned: NDArray[np.float64] = roll @ pitch @ yaw
    return turned


def _patches(photo: Rgb, key: str) -> Rgb:
    """Return a mask of discs scattered over a photograph: the things that stand nearer."""
    import cv2

    mask = np.zeros_like(photo)
    height, width = photo.shape[:2]
    for place in range(_PATCHES):
        across, down = (0.25 + 0.5 * fraction(f"{key}/disc-{place}", axis) for axis in ("across", "down"))
        cv2.circle(mask, (int(across * width), int(down * height)), width // 11, (255, 255, 255), -1)
    return mask
