"""A span copied out of a video: its packets as they are, in an mp4 of their own that begins at zero; no pixel changes.

It is exact only where the span begins at a keyframe and its packets stand together and need none before or behind
them; and what was made is read again, frame by frame, before it counts as a copy.
"""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from annotators.container import opened, read_container
from pipelines.export.spans.clip_index import Indexed, need_av, packets_from
from schemas.errors import BadSample

MP4_HOLDS = frozenset({"av1", "h264", "hevc", "mpeg4", "vp9"})
EXTENSION = "mp4"
_ROUNDED_S = Fraction(1, 500)


def copied(indexed: Indexed, places: range) -> bytes | None:
    """Return the frames at these places as an mp4 of their packets, None where that would not be these frames."""
    run = indexed.run_of(places) if indexed.container.codec in MP4_HOLDS else None
    if run is None:
        return None
    av = need_av()
    try:
        clip = _muxed(indexed, run)
        return clip if is_exact(clip, indexed, places) else None
    except (av.FFmpegError, ValueError, BadSample):
        return None


def _muxed(indexed: Indexed, run: range) -> bytes:
    """Packets keep their times, from zero on; they are decoded as soon as shown, less the one wait that all can bear,
    since some containers say not when."""
    out, pts = io.BytesIO(), indexed.pts[run.start : run.stop]
    in_order = np.sort(pts)
    dts = in_order - (in_order - pts).max() - in_order[0]
    end = indexed.end_of(indexed.container.pts.index(int(in_order[-1])))
    lasting = np.diff([*in_order, end])
    with (
        packets_from(indexed, run.start) as (source, packets),
        need_av().open(out, "w", format=EXTENSION, options=mp4_options(indexed.time_base)) as file,
    ):
        stream = file.add_stream_from_template(source, opaque=True)
        stream.time_base = source.time_base
        for place, packet in enumerate(islice(packets, len(run))):
            packet.pts, packet.dts = packet.pts - int(in_order[0]), int(dts[place])
            packet.duration, packet.stream = int(lasting[place]), stream
            file.mux(packet)
    return out.getvalue()


def mp4_options(time_base: Fraction) -> dict[str, str]:
    """Return options under which the file holds times exactly, and nothing of who wrote it or when."""
    scale = time_base.denominator
    while scale < 10_000:
        scale *= 2
    return {"movie_timescale": str(scale), "video_track_timescale": str(scale), "fflags": "+bitexact"}


def is_exact(clip: bytes, indexed: Indexed, places: range) -> bool:
    """Say whether every frame of a clip decodes, at the time of the frame that it stands for, and the last one lasts as
    long, to what a container rounds: an mp4 tells how long a frame lasts in the order of decoding alone."""
    try:
        found = read_container(clip, EXTENSION)
        begin = indexed.container.pts[places.start]
        wanted = [(indexed.container.pts[place] - begin) * indexed.time_base for place in places]
        base = Fraction(*found.time_base)
        if found.rotation_deg != indexed.container.rotation_deg:
            return False
        if abs((found.end_pts - found.pts[0]) * base - lasts(indexed, places)) > _ROUNDED_S:
            return False
        return [pts * base for pts in found.pts] == wanted == [at * base for at in _decoded(clip)]
    except BadSample:
        return False


def _decoded(clip: bytes) -> list[int]:
    """Return the times of the frames that come out whole."""
    with opened(clip, EXTENSION) as (file, stream):
        frames: Any = file.decode(stream)
        return [frame.pts for frame in frames if not frame.is_corrupt]


def seconds(indexed: Indexed, places: range) -> float:
    """Return how long the frames at these places are shown."""
    return round(float(lasts(indexed, places)), 6)


def lasts(indexed: Indexed, places: range) -> Fraction:
    """Return how many seconds the frames at these places are shown, exactly."""
    return (indexed.end_of(places.stop - 1) - indexed.container.pts[places.start]) * indexed.time_base
