"""A span as pictures: some of its frames, upright, each with the second at which it is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from math import ceil

import numpy as np
from msgspec import Struct

from pipelines.export.spans.clip_copy import seconds
from pipelines.export.spans.clip_encode import frames_of
from pipelines.export.spans.clip_index import Indexed

EXTENSION = "jpg"
QUALITY = 95


class Picture(Struct, frozen=True):
    """A frame as JPEG, upright, and when it is shown, in seconds from the span's first frame."""

    content: bytes
    width_px: int
    height_px: int
    shown_s: float


def pictures(indexed: Indexed, places: range, frames_per_s: float) -> Iterator[Picture]:
    """Yield so many frames a second, each the first that is shown at its time or after; the span's first among them.

    Raises BadSample("frames_missing").
    """
    from PIL import Image

    begin = indexed.container.pts[places.start]
    wanted = looked_at(indexed, places, frames_per_s)
    for place, (_, frame) in zip(places, frames_of(indexed, places), strict=True):
        if place in wanted:
            shown = np.rot90(frame.to_ndarray(format="rgb24"), indexed.container.rotation_deg // 90)
            out = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(shown)).save(out, "JPEG", quality=QUALITY, subsampling=0)
            shown_s = float((indexed.container.pts[place] - begin) * indexed.time_base)
            yield Picture(out.getvalue(), shown.shape[1], shown.shape[0], round(shown_s, 3))


def looked_at(indexed: Indexed, places: range, frames_per_s: float) -> frozenset[int]:
    """Return the places of the frames that become pictures."""
    begin = indexed.container.pts[places.start]
    shown_s = [float((indexed.container.pts[place] - begin) * indexed.time_base) for place in places]
    times_s = [count / frames_per_s for count in range(max(1, ceil(seconds(indexed, places) * frames_per_s)))]
    found = np.searchsorted(shown_s, np.array(times_s) - 1e-9)
    return frozenset(places[int(at)] for at in found if at < len(places))
