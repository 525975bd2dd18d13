"""A proxy: the copy of a video that people see, made so that an editor's frame numbers cannot drift.

H.264 in MP4 with plain 4:2:0 pixels, which every browser plays; every frame of the source once, at a constant rate from
zero, without B-frames and with a keyframe often, so that a step back is quick; upright, so that no player has to turn
it. There is no sound: where a source's rate varies it could not keep step. The original is never replaced by it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from typing import Any

import numpy as np
from msgspec import Struct

from annotators.container import opened, read_container
from annotators.desk.label_studio.frame_map import FrameMap, cut, frame_map
from annotators.x264 import SAME_BYTES
from schemas.errors import BadSample, Unavailable
from schemas.note import TimeSpan

SIDE_PX = 1280
_KEYFRAMES_A_SECOND = 4


class Proxy(Struct, frozen=True):
    """A proxy's bytes and which of its frames is which of the source's."""

    content: bytes
    map: FrameMap

    @property
    def name(self) -> str:
        """The proxy's file name: the first 32 digits of its SHA-256."""
        return f"{sha256(self.content).hexdigest()[:32]}.mp4"


def make_proxy(
    content: bytes, extension: str, *, span: TimeSpan | None = None, side_px: int = SIDE_PX, crf: int = 20
) -> Proxy:
    """Make the proxy of a video, or of the frames that begin within a span of it, its longer side at most `side_px`.

    Decodes and encodes every frame on one thread: the same bytes give the same proxy. Raises BadSample where a frame
    that the container promises does not come out: a proxy of fewer frames would name others than people see.
    """
    container = read_container(content, extension)
    mapped = frame_map(container)
    if span:
        mapped = cut(mapped, span)
    scale = min(1.0, side_px / max(mapped.width_px, mapped.height_px))
    size = _even(mapped.width_px * scale), _even(mapped.height_px * scale)
    frames = _upright(content, extension, mapped.pts, container.rotation_deg)
    with tempfile.TemporaryDirectory(prefix="ostraka-proxy-") as folder:
        path = os.path.join(folder, "proxy.mp4")
        _encode(path, frames, Fraction(*mapped.rate), size, crf)
        with open(path, "rb") as file:
            return Proxy(file.read(), mapped)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)


def _upright(content: bytes, extension: str, pts: tuple[int, ...], rotation_deg: int) -> Iterator[Any]:
    """Yield every frame in the order of its time, turned upright."""
    av = _av()
    place = 0
    with opened(content, extension) as (file, stream):
        for frame in file.decode(stream):
            if place == len(pts):
                return
            if frame.pts == pts[place]:
                place += 1
                if rotation_deg:
                    turned = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), rotation_deg // 90))
                    yield av.VideoFrame.from_ndarray(turned, format="rgb24")
                else:
                    yield frame
            elif frame.pts is not None and frame.pts > pts[place]:
                break
    if place < len(pts):
        raise BadSample("frames_missing", f"frame {place} of {len(pts)}, at {pts[place]}, did not come out")


def _encode(path: str, frames: Iterator[Any], rate: Fraction, size: tuple[int, int], crf: int) -> None:
    ticks = rate.numerator * max(1, -(-10_000 // rate.numerator))
    options = {"movflags": "+faststart", "video_track_timescale": str(ticks), "movie_timescale": str(ticks)}
    with _av().open(path, "w", format="mp4", options=options) as file:
        stream = file.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = 1 / rate
        stream.codec_context.gop_size = max(1, round(rate / _KEYFRAMES_A_SECOND))
        stream.codec_context.max_b_frames = 0
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": str(crf), "bf": "0", "x264-params": f"{SAME_BYTES}:scenecut=0"}
        for place, frame in enumerate(frames):
            picture = frame.reformat(*size, format="yuv420p")
            picture.pts, picture.time_base = place, 1 / rate
            picture.pict_type = 0
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise Unavailable(
            "proxies are made with PyAV, which is not here", remedy="pip install 'ostraka[desk]'"
        ) from None
    return av
