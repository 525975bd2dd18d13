"""A span encoded anew: the frames it names and no others, each at its own time, by x264 with one setting for all.

One thread and no frames between, so that the bytes hang on the frames and the pins alone. At a constant rate factor of
18 a loss is hardly seen. Pixels stay as they are stored: what turns them upright is told, as it was.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from annotators.x264 import SAME_BYTES
from pipelines.export.spans.clip_copy import EXTENSION, is_exact, mp4_options
from pipelines.export.spans.clip_index import Indexed, need_av, packets_from
from schemas.errors import BadSample

_SETTINGS = {"preset": "medium", "crf": "18", "bf": "0", "x264-params": SAME_BYTES}
_GOP_FRAMES = 48
_ALSO = ("color_range", "colorspace", "color_primaries", "color_trc", "sample_aspect_ratio")


def encoded(indexed: Indexed, places: range) -> bytes:
    """Return the frames at these places as an mp4 of H.264.

    Raises BadSample("undecodable" | "frames_missing" | "not_exact").
    """
    out, av = io.BytesIO(), need_av()
    try:
        with av.open(out, "w", format=EXTENSION, options=mp4_options(indexed.time_base)) as file:
            stream: Any = None
            begin, written = indexed.container.pts[places.start], iter(places)
            for source, frame in frames_of(indexed, places):
                if stream is None:
                    stream = _stream(file, indexed, source, frame)
                picture = frame.reformat(format=stream.pix_fmt)
                picture.pts, picture.time_base = frame.pts - begin, indexed.time_base
                picture.pict_type = av.video.frame.PictureType.NONE
                _mux(file, stream.encode(picture), indexed, written)
            _mux(file, stream.encode(None), indexed, written)
    except av.FFmpegError as error:
        raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None
    clip = out.getvalue()
    if not is_exact(clip, indexed, places):
        raise BadSample("not_exact", f"the {len(places)} frames could not be held at their times")
    return clip


def frames_of(indexed: Indexed, places: range) -> Iterator[tuple[Any, Any]]:
    """Yield the stream and each frame at these places, in order; raises BadSample("frames_missing")."""
    shown = indexed.container.pts
    place = places.start
    with packets_from(indexed, indexed.key_before(place)) as (stream, packets):
        for frame in _decoded(stream, packets):
            if place < places.stop and frame.pts == shown[place]:
                yield stream, frame
                place += 1
            if place == places.stop:
                return
    raise BadSample("frames_missing", f"{places.stop - place} of {len(places)} frames did not come out")


def _decoded(stream: Any, packets: Iterator[Any]) -> Iterator[Any]:
    try:
        for packet in packets:
            yield from stream.decode(packet)
        yield from stream.decode(None)
    except need_av().FFmpegError as error:
        raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None


def _stream(file: Any, indexed: Indexed, source: Any, frame: Any) -> Any:
    container = indexed.container
    stream = file.add_stream("libx264", rate=Fraction(*container.rate))
    stream.width, stream.height = frame.width, frame.height
    stream.pix_fmt = _pixel_format(container.pixel_format, frame.width, frame.height)
    stream.time_base = stream.codec_context.time_base = indexed.time_base
    stream.codec_context.thread_count, stream.codec_context.gop_size = 1, _GOP_FRAMES
    stream.codec_context.max_b_frames = 0
    for name in _ALSO:
        value = getattr(source.codec_context, name)
        if value is not None:
            setattr(stream.codec_context, name, value)
    stream.options = dict(_SETTINGS)
    if container.rotation_deg:
        stream.set_display_rotation(container.rotation_deg)
    return stream


def _pixel_format(stored: str, width_px: int, height_px: int) -> str:
    """Return the stored format where x264 takes it, else the nearest plain one: 4:4:4 where a side is odd."""
    taken = {one.name for one in need_av().Codec("libx264", "w").video_formats or ()}
    halved = {"yuv420p", "yuvj420p", "yuv420p10le", "yuv422p", "yuvj422p", "yuv422p10le", "nv12", "nv21", "nv16"}
    is_odd = bool(width_px % 2 or height_px % 2)
    if stored in taken and not (is_odd and stored in halved):
        return stored
    return "yuv444p" if is_odd else "yuv420p"


def _mux(file: Any, packets: list[Any], indexed: Indexed, places: Iterator[int]) -> None:
    """Write packets, each lasting as long as its frame."""
    for packet in packets:
        place = next(places)
        packet.duration = indexed.end_of(place) - indexed.container.pts[place]
        file.mux(packet)
