"""Judgements over the single pictures of a sample: a bad one is left out, a sample goes when none is left."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from filters.columns import Columns
from filters.filter import KEEP, ColumnFilter, Judgement
from filters.text import parts_that_stay


class PictureReadable(ColumnFilter, frozen=True):
    """Leaves out pictures whose header cannot be read."""

    reads: ClassVar = ("picture_width_px", "picture_part")
    reasons: ClassVar = ("unreadable_header", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        width_px = columns.lists("picture_width_px").values.astype(np.float64)
        bad = np.where(width_px < 1, 0, KEEP).astype(np.int16)
        return parts_that_stay(columns, "picture_part", bad, width_px, none=1, reasons=self.reasons)


class PictureMinSide(ColumnFilter, frozen=True):
    """Leaves out pictures whose shorter side is under `px`: icons, bullets and tracking pixels."""

    px: int = 28
    reads: ClassVar = ("picture_width_px", "picture_height_px", "picture_part")
    reasons: ClassVar = ("side_too_short", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        side_px = np.minimum(*_sides(columns))
        return parts_that_stay(
            columns, "picture_part", np.where(side_px < self.px, 0, KEEP), side_px, none=1, reasons=self.reasons
        )


class PictureMaxAspect(ColumnFilter, frozen=True):
    """Leaves out pictures whose longer side is over `ratio` times the shorter: rules, banners and spacers."""

    ratio: float = 200.0
    reads: ClassVar = ("picture_width_px", "picture_height_px", "picture_part")
    reasons: ClassVar = ("aspect_too_extreme", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        width, height = _sides(columns)
        ratio = np.maximum(width, height) / np.maximum(np.minimum(width, height), 1)
        return parts_that_stay(
            columns, "picture_part", np.where(ratio > self.ratio, 0, KEEP), ratio, none=1, reasons=self.reasons
        )


class PictureMaxPixels(ColumnFilter, frozen=True):
    """Leaves out pictures of more than `mpx` million pixels by their header, so that a bomb is never decoded."""

    mpx: float = 100.0
    reads: ClassVar = ("picture_width_px", "picture_height_px", "picture_part")
    reasons: ClassVar = ("too_many_pixels", "no_picture")

    def judge_columns(self, columns: Columns) -> Judgement:
        width, height = _sides(columns)
        mpx = width * height / 1e6
        return parts_that_stay(
            columns, "picture_part", np.where(mpx > self.mpx, 0, KEEP), mpx, none=1, reasons=self.reasons
        )


def _sides(columns: Columns) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    return tuple(columns.lists(f"picture_{side}_px").values.astype(np.float64) for side in ("width", "height"))
