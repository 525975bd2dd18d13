"""A clip: what of a video a training sample shows, and how it was cut out; it stands in the sample's `meta`."""

from __future__ import annotations

from typing import Literal

from msgspec import DecodeError, Struct, json

from schemas.note import TimeSpan

Cut = Literal["copied", "encoded", "frames", "whole"]


class Clip(Struct, frozen=True, tag="clip", tag_field="is", forbid_unknown_fields=True):
    """Frames [start, end) of the video at place `part` of the sample's parent, in the units of the video's times.

    `cut`: its packets as they are, encoded anew, pictures of some of its frames, or the whole file. `spans`: the notes
    that chose it. `meta` is what the parent's own source said.
    """

    cut: Cut
    part: int
    start_pts: int
    end_pts: int
    time_base: tuple[int, int]
    frames: int
    duration_s: float
    spans: tuple[str, ...]
    meta: str = ""

    @property
    def at(self) -> TimeSpan:
        """Its place in the parent."""
        return TimeSpan(self.part, self.start_pts, self.end_pts, self.time_base)


def clip_json(clip: Clip) -> str:
    """Return a clip as a sample's `meta` holds it."""
    return json.encode(clip).decode()


def clip_in(meta: str) -> Clip | None:
    """Return the clip that a sample's `meta` tells of, None where it tells of none."""
    try:
        return json.decode(meta, type=Clip) if meta else None
    except DecodeError:
        return None
