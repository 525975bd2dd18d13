"""Judgements over videos: that there is one, how long it lasts, that it is whole, and that something happens in it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement, dropped_where


class HasVideo(ColumnFilter, frozen=True):
    """Drops samples without a video."""

    reads: ClassVar = ("videos",)
    reasons: ClassVar = ("no_video",)

    def judge_columns(self, columns: Columns) -> Judgement:
        videos = columns.array("videos")
        return dropped_where(videos < 1, videos)


class Lasts(ColumnFilter, frozen=True):
    """Drops videos shorter than `least_s` or longer than `most_s`: 5 s of drift and 3 hours are both no clip."""

    least_s: float = 1.0
    most_s: float = 3600.0
    reads: ClassVar = ("duration_s",)
    reasons: ClassVar = ("too_short", "too_long")

    def judge_columns(self, columns: Columns) -> Judgement:
        duration_s = columns.array("duration_s")
        short, long = duration_s < self.least_s, duration_s > self.most_s
        return Judgement(np.where(short, 0, np.where(long, 1, KEEP)).astype(np.int16), duration_s)


class WholeVideo(ColumnFilter, frozen=True):
    """Drops videos that are shorter than they say, of which a packet is broken or a frame did not come out, or whose
    times go back.

    A video may fall short of what it says by a twentieth or half a second: files round, and some count a last frame.
    """

    short_share: float = 0.05
    short_s: float = 0.5
    reads: ClassVar = (
        "duration_s",
        "stated_duration_s",
        "video_frames",
        "frames_decoded",
        "packets_broken",
        "times_back",
    )
    reasons: ClassVar = ("cut_short", "packets_broken", "frames_missing", "times_go_back")

    def judge_columns(self, columns: Columns) -> Judgement:
        stated_s = columns.array("stated_duration_s")
        short_s = stated_s - columns.array("duration_s")
        frames, decoded = (columns.array(name).astype(np.float64) for name in ("video_frames", "frames_decoded"))
        missing = np.abs(frames - decoded)
        broken, back = (columns.array(name).astype(np.float64) for name in ("packets_broken", "times_back"))
        is_short = short_s > np.maximum(stated_s * self.short_share, self.short_s)
        faults = [is_short, broken > 0, missing > 0, back > 0]
        reason = np.select(faults, range(len(faults)), KEEP).astype(np.int16)
        return Judgement(reason, np.select(faults, [short_s, broken, missing, back], 0.0))


class NotBlack(ColumnFilter, frozen=True):
    """Drops videos that are black for more than `share` of the time."""

    share: float = 0.5
    reads: ClassVar = ("black_share",)
    reasons: ClassVar = ("black",)

    def judge_columns(self, columns: Columns) -> Judgement:
        black = columns.array("black_share")
        return dropped_where(black > self.share, black)


class NotStill(ColumnFilter, frozen=True):
    """Drops videos in which nothing changes for more than `share` of the time: a picture with sound."""

    share: float = 0.9
    reads: ClassVar = ("still_share",)
    reasons: ClassVar = ("still",)

    def judge_columns(self, columns: Columns) -> Judgement:
        still = columns.array("still_share")
        return dropped_where(still > self.share, still)
