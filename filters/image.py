"""Judgements over the shape and the colours of a picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement, dropped_where


class HasPicture(ColumnFilter, frozen=True):
    """Drops samples without a picture."""

    reads: ClassVar = ("images",)
    reasons: ClassVar = ("no_picture",)

    def judge_columns(self, columns: Columns) -> Judgement:
        images = columns.array("images")
        return dropped_where(images < 1, images)


class Still(ColumnFilter, frozen=True):
    """Drops animated pictures: a trainer would see their first frame alone."""

    reads: ClassVar = ("frames",)
    reasons: ClassVar = ("animated",)

    def judge_columns(self, columns: Columns) -> Judgement:
        frames = columns.array("frames")
        return dropped_where(frames > 1, frames)


class MinSide(ColumnFilter, frozen=True):
    """Drops pictures whose shorter side is under `px`: 28 px is one merged patch of the reference's vision tower."""

    px: int = 28
    reads: ClassVar = ("width_px", "height_px")
    reasons: ClassVar = ("side_too_short",)

    def judge_columns(self, columns: Columns) -> Judgement:
        side_px = np.minimum(columns.array("width_px"), columns.array("height_px"))
        return dropped_where(side_px < self.px, side_px)


class MaxPixels(ColumnFilter, frozen=True):
    """Drops pictures of more than `mpx` million pixels by their header, so that a bomb is never decoded."""

    mpx: float = 100.0
    reads: ClassVar = ("width_px", "height_px")
    reasons: ClassVar = ("too_many_pixels",)

    def judge_columns(self, columns: Columns) -> Judgement:
        mpx = columns.array("width_px").astype(np.float64) * columns.array("height_px") / 1e6
        return dropped_where(mpx > self.mpx, mpx)


class MaxAspect(ColumnFilter, frozen=True):
    """Drops pictures whose longer side is over `ratio` times the shorter: the reference refuses more than 200."""

    ratio: float = 200.0
    reads: ClassVar = ("width_px", "height_px")
    reasons: ClassVar = ("aspect_too_extreme",)

    def judge_columns(self, columns: Columns) -> Judgement:
        width, height = columns.array("width_px").astype(np.float64), columns.array("height_px").astype(np.float64)
        ratio = np.maximum(width, height) / np.maximum(np.minimum(width, height), 1)
        return dropped_where(ratio > self.ratio, ratio)


class NotSolid(ColumnFilter, frozen=True):
    """Drops pictures that are one colour: hardly any spread, or one colour nearly everywhere."""

    channel_std: float = 2.0
    top_colour_share: float = 0.98
    reads: ClassVar = ("channel_std", "top_colour_share")
    reasons: ClassVar = ("no_spread", "one_colour")

    def judge_columns(self, columns: Columns) -> Judgement:
        spread, share = columns.array("channel_std"), columns.array("top_colour_share")
        flat, one = spread < self.channel_std, share > self.top_colour_share
        reason = np.where(flat, 0, np.where(one, 1, KEEP)).astype(np.int16)
        return Judgement(reason, np.where(flat, spread, share))
