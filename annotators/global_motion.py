"""How the whole picture moved from one frame to another: corners tracked there and back, and a robust similarity.

What moves by itself, and what stands on the picture (a logo, a number), is left out by RANSAC as long as it is the
lesser part. Corners are taken from all over the picture, so many from each of its fields, since letters have more of
them than the world. The motion is a similarity, told at the middle of the picture: how far it went, how much larger it
became, how far it turned. A homography would follow a pan's keystone too, and was tried: where the world has few
corners it bends so far as to take a logo's along, and then it rolls and zooms. OpenCV seeds RANSAC itself, so that the
same two frames give the same numbers.
"""

from __future__ import annotations

from math import atan2, hypot, log
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Points = NDArray[np.float64]

_ROWS, _COLUMNS, _MOST_CORNERS = 4, 5, 12
_LEAST_TRACKS, _LEAST_SHARE = 16, 0.3
_BACK_PX, _OFF_PX = 0.7, 1.5


class GlobalMotion(Struct, frozen=True):
    """Of the picture's middle, in widths to the right and down; e-folds larger; radians clockwise as it is seen.

    `share`: of the tracks, how many go along.
    """

    right: float
    down: float
    larger: float
    turned: float
    share: float


def global_motion(before: Grey, after: Grey) -> GlobalMotion | None:
    """Return the motion, None where too little can be tracked or no motion is common to enough of it."""
    import cv2

    tracks = _tracks(before, after)
    if tracks is None:
        return None
    there, here = tracks
    found, inliers = cv2.estimateAffinePartial2D(
        there, here, method=cv2.RANSAC, ransacReprojThreshold=_OFF_PX, maxIters=500, confidence=0.995
    )
    if found is None or inliers.mean() < _LEAST_SHARE:
        return None
    along = inliers.ravel() == 1
    points = (there[along, 0].astype(np.float64), here[along, 0].astype(np.float64))
    return _at_the_middle(*points, before.shape[1], before.shape[0], float(along.mean()))


def _tracks(before: Grey, after: Grey) -> tuple[Any, Any] | None:
    import cv2

    cv2.setNumThreads(1)
    corners = _corners(before)
    if len(corners) < _LEAST_TRACKS:
        return None
    how: dict[str, Any] = {"nextPts": None, "winSize": (17, 17), "maxLevel": 4}
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, **how)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, moved, **how)
    off = np.abs(back - corners).max((1, 2))
    good = (found.ravel() == 1) & (found_back.ravel() == 1) & (off < _BACK_PX)
    return (corners[good], moved[good]) if good.sum() >= _LEAST_TRACKS else None


def _corners(grey: Grey) -> NDArray[np.float32]:
    """Return the best corners of each field of the picture."""
    import cv2

    height, width = grey.shape
    found = [np.zeros((0, 1, 2), np.float32)]
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            top, left = height * row // _ROWS, width * column // _COLUMNS
            field = grey[top : height * (row + 1) // _ROWS, left : width * (column + 1) // _COLUMNS]
            here = cv2.goodFeaturesToTrack(field, _MOST_CORNERS, 0.02, 5, blockSize=5)
            if here is not None:
                found.append(here + np.array([left, top], np.float32))
    return np.concatenate(found)


def _at_the_middle(there: Points, here: Points, width: int, height: int, share: float) -> GlobalMotion | None:
    """Return the move, growth and turn that bring the points nearest to where they went, in least squares."""
    middle = (width / 2, height / 2)
    mean_there, mean_here = there.mean(0), here.mean(0)
    one, other = there - mean_there, here - mean_here
    spread = float((one**2).sum())
    along, across = float((one * other).sum()), float((one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum())
    if spread <= 0 or (along <= 0 and across == 0):
        return None
    grows, turns = along / spread, across / spread
    from_mean = middle - mean_there
    right = mean_here[0] + grows * from_mean[0] - turns * from_mean[1] - middle[0]
    down = mean_here[1] + turns * from_mean[0] + grows * from_mean[1] - middle[1]
    return GlobalMotion(right / width, down / width, log(hypot(grows, turns)), atan2(turns, grows), share)
