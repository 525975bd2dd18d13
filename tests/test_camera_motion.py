"""CameraMotion: drawn moves are told by name, on the spans on which they were drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from annotators.annotator import Subject
from annotators.cameramotion import CameraMotion
from annotators.check import check
from annotators.global_motion import global_motion
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_moves import Pose, Scene, _plane
from schemas.camera import LOOKS_LIKE, OPPOSITES, PRIMITIVES, TOLD
from schemas.note import Noted, TimeSpan
from schemas.sample import Sample, Source, Video

Draw = Callable[[Drawing], Drawn]


def looked(content: bytes, shots: list[int], extension: str = "mp4") -> Noted:
    part = Video(sha256(content).hexdigest(), len(content), extension)
    notes: Mapping[str, Any] = {"shot_first_frames": shots}
    read = lambda url, offset, size_bytes: content[offset : offset + size_bytes]  # noqa: E731
    noted = CameraMotion().look(Subject(Sample("0" * 32, (part,), Source("", "")), "", (0,), notes, read))
    check(CameraMotion(), noted)
    return noted


def spans(noted: Noted, clip: Drawn) -> dict[str, tuple[int, int]]:
    """Return, by motion, the frames [first, end) of its first span."""
    pts = list(clip.pts)
    found: dict[str, tuple[int, int]] = {}
    for note in noted.places:
        if note.name == "camera_motion" and isinstance(note.at, TimeSpan):
            shown = sum(one < note.at.end_pts for one in pts[:-1])
            found.setdefault(str(note.value), (pts.index(note.at.start_pts), shown))
    return found


@pytest.mark.parametrize("move", PRIMITIVES)
def test_a_drawn_move_is_told_by_its_name_or_by_the_one_it_looks_like(drawn: Draw, move: str) -> None:
    noted = looked(drawn(Drawing(f"move {move}", (Piece(move, 36, 1),))).content, [0])
    motions: Any = noted.values["camera_motions"]
    wanted = LOOKS_LIKE.get(move, move)
    assert wanted in motions[:2] and noted.values["camera_motion_shares"][motions.index(wanted)] > 0.8  # type: ignore[index]
    undone = {one: other for pair in OPPOSITES for one, other in (pair, pair[::-1])}
    assert undone.get(wanted) not in motions
    if move in TOLD:
        assert motions == [move], "a camera that is not carried does nothing else"


def test_moves_are_noted_on_the_shots_in_which_they_are(drawn: Draw) -> None:
    pieces = Piece("pan_left", 30), Piece("zoom_in", 34, 1), Piece("static", 26, 2)
    clip = drawn(Drawing("three moves", pieces, uneven=True, start=5, rate=(30000, 1001)))
    found = spans(looked(clip.content, [0, 30, 64]), clip)
    assert found == {"pan_left": (0, 30), "zoom_in": (30, 64), "static": (64, 90)}


def test_what_stands_on_the_picture_does_not_hold_the_camera(drawn: Draw) -> None:
    clip = drawn(Drawing("plate", (Piece("tilt_down", 36, 2),), text="BREAKING"))
    assert looked(clip.content, [0]).values["camera_motions"] == ["tilt_down"]


@pytest.mark.parametrize(("move", "photo"), [("pan_left", 2), ("pan_left", 4), ("tilt_up", 3)])
def test_a_fast_pan_bends_the_picture_and_is_no_zoom(drawn: Draw, move: str, photo: int) -> None:
    clip = drawn(Drawing(f"{move}-{photo}", (Piece(move, 36, photo, speed=2.0),)))
    assert looked(clip.content, [0]).values["camera_motions"] == [move]


def test_a_hand_that_sways_does_not_pan(drawn: Draw) -> None:
    clip = drawn(Drawing("s42", (Piece("shake", 60, 2, speed=4.0),)))
    assert looked(clip.content, [0]).values["camera_motions"] == ["shake"]


def test_speed_is_in_widths_a_second(drawn: Draw) -> None:
    noted = looked(drawn(Drawing("speed", (Piece("pan_right", 36, 4),))).content, [0])
    [speed] = [note.value for note in noted.places if note.name == "camera_speed"]
    assert speed == pytest.approx(0.22, rel=0.15)


def test_a_picture_without_corners_tells_nothing(drawn: Draw) -> None:
    grey = np.full((96, 128), 90, np.uint8)
    assert global_motion(grey, grey) is None


@pytest.mark.parametrize(
    ("pose", "axis", "moved"),
    [(Pose(yaw=0.02), "right", -0.02), (Pose(pitch=0.02), "down", -0.02), (Pose(zoom=0.03), "larger", 0.03)],
)
def test_a_known_step_is_measured(drawn: Draw, pose: Pose, axis: str, moved: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    scene = Scene(noise, noise)
    before, after = (_plane(scene.far, one, 2.5, (320, 240))[..., 0].copy() for one in (Pose(), pose))
    found = global_motion(before, after)
    assert found is not None and getattr(found, axis) == pytest.approx(moved, abs=0.002)
