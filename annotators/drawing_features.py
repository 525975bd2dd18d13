"""What tells a drawing that explains from a photograph, in some thirty cheap numbers of a small copy.

Drawings have few colours, flat ground, and ink that stands sharply on it: letters, axes, arrows. So colours are
counted, steps of brightness are sorted by height, and cells of 8 x 8 pixels are called flat, soft, busy or drawn (busy,
and yet half of it one ground). Some 10 ms a picture beside its decode; no model, and nothing that knows what is shown.

H, W: the sides of the small copy in pixels; N cells of P = 64 pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 256
FEATURES = (
    "top_colour",
    "top_4_colours",
    "top_16_colours",
    "colours_of_nine_tenths",
    "colour_bits",
    "edge_colour",
    "white",
    "black",
    "saturation",
    "saturation_spread",
    "luma",
    "luma_spread",
    "still",
    "faint_steps",
    "high_steps",
    "high_of_steps",
    "upright_of_high",
    "flat_cells",
    "soft_cells",
    "busy_cells",
    "drawn_cells",
    "drawn_of_busy",
    "two_toned_of_busy",
    "busy_beside_flat",
    "drawn_in_rows",
    "ink",
    "lines_of_steps",
)
"""The names of the features, in their order."""

_CELL, _FEW = 8, 3
_LINE_PX = 24
Pixels = NDArray[np.int32]


def drawing_features(rgb: Image.Image) -> NDArray[np.float64]:
    """Return the features of a picture whose shorter side is at most SIDE_PX."""
    rgb_HWC = np.asarray(rgb, dtype=np.int32)
    need_px = [max(0, _CELL - side) for side in rgb_HWC.shape[:2]]
    rgb_HWC = np.pad(rgb_HWC, ((0, need_px[0]), (0, need_px[1]), (0, 0)), mode="edge")
    luma_HW: Pixels = rgb_HWC @ np.array([299, 587, 114], np.int32) // 1000
    found = (*_colours(rgb_HWC), *_brightness(luma_HW), *_steps(luma_HW), *_cells(luma_HW), _lines(luma_HW))
    return np.array(found, np.float64)


def _colours(rgb_HWC: Pixels) -> tuple[float, ...]:
    """Shares of the commonest colours at 4 bits a channel, how many make up nine tenths, their entropy, the share of
    the edge that its commonest colour has, white, black, saturation."""
    four_HW = rgb_HWC >> 4
    code_HW = (four_HW[..., 0] << 8) | (four_HW[..., 1] << 4) | four_HW[..., 2]
    share = np.sort(np.bincount(code_HW.ravel(), minlength=4096))[::-1] / code_HW.size
    up_to, some = np.cumsum(share), share[share > 0]
    edge = np.concatenate([code_HW[0], code_HW[-1], code_HW[:, 0], code_HW[:, -1]])
    most_HW, least_HW = rgb_HWC.max(-1), rgb_HWC.min(-1)
    saturation_HW = (most_HW - least_HW) / np.maximum(most_HW, 1)
    return (
        share[0],
        up_to[3],
        up_to[15],
        np.searchsorted(up_to, 0.9) / 100,
        -(some * np.log2(some)).sum(),
        np.bincount(edge).max() / edge.size,
        (least_HW > 240).mean(),
        (most_HW < 20).mean(),
        saturation_HW.mean(),
        saturation_HW.std(),
    )


def _brightness(luma_HW: Pixels) -> tuple[float, ...]:
    return luma_HW.mean() / 255, luma_HW.std() / 255


def _steps(luma_HW: Pixels) -> tuple[float, ...]:
    """Steps between neighbours: none to speak of, faint (which photographs are full of), high (ink), and of the high
    ones those that are so in one direction alone."""
    across_HW, down_HW = np.abs(np.diff(luma_HW, axis=1))[:-1], np.abs(np.diff(luma_HW, axis=0))[:, :-1]
    step_HW = np.maximum(across_HW, down_HW)
    high, faint = (step_HW > 48).mean(), ((step_HW >= 4) & (step_HW < 24)).mean()
    one_way = ((across_HW > 32) ^ (down_HW > 32)).sum() / (1 + (step_HW > 32).sum())
    return (step_HW < 2).mean(), faint, high, high / (high + faint + 0.001), one_way


def _cells(luma_HW: Pixels) -> tuple[float, ...]:
    """Cells by what is in them: flat, soft, busy; of the busy ones, those of ink on a ground and those of two tones."""
    rows, columns = luma_HW.shape[0] // _CELL, luma_HW.shape[1] // _CELL
    whole_HW = luma_HW[: rows * _CELL, : columns * _CELL]
    cells_NP = whole_HW.reshape(rows, _CELL, columns, _CELL).swapaxes(1, 2).reshape(-1, _CELL * _CELL)
    darkest_N1, lightest_N1 = cells_NP.min(1, keepdims=True), cells_NP.max(1, keepdims=True)
    ground_N1 = np.median(cells_NP, axis=1, keepdims=True)
    range_N = (lightest_N1 - darkest_N1)[:, 0]
    flat_N, busy_N = range_N <= 8, range_N > 64
    drawn_N = busy_N & ((np.abs(cells_NP - ground_N1) <= 8).mean(1) >= 0.5)
    two_toned_N = busy_N & (((cells_NP - darkest_N1 <= 12) | (lightest_N1 - cells_NP <= 12)).mean(1) >= 0.75)
    ink = ((np.abs(cells_NP - ground_N1) > 48) & drawn_N[:, None]).mean()
    around = np.pad(flat_N.reshape(rows, columns), 1)
    beside_flat_N = (around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]).ravel()
    drawn = drawn_N.reshape(rows, columns)
    busy = busy_N.sum() + _FEW
    return (
        flat_N.mean(),
        ((range_N > 8) & (range_N <= 32)).mean(),
        busy_N.mean(),
        drawn_N.mean(),
        drawn_N.sum() / busy,
        two_toned_N.sum() / busy,
        (busy_N & beside_flat_N).sum() / busy,
        (drawn[:, 1:] & drawn[:, :-1]).mean() if columns > 1 else 0.0,
        ink,
    )


def _lines(luma_HW: Pixels) -> float:
    """Return the share of steps that are part of a straight line along a row or a column."""
    down_HW, across_WH = np.diff(luma_HW, axis=0), np.diff(luma_HW, axis=1).T
    steps = sum(int((np.abs(one) > 24).sum()) for one in (down_HW, across_WH))
    along = sum(_runs(one > 24) + _runs(one < -24) for one in (down_HW, across_WH))
    return along / (steps + 100)


def _runs(mask_HW: NDArray[np.bool_]) -> int:
    """Count places at which a run of _LINE_PX set pixels of a row ends."""
    count_HW = np.cumsum(mask_HW, axis=1)
    return int((count_HW[:, _LINE_PX:] - count_HW[:, :-_LINE_PX] == _LINE_PX).sum())
