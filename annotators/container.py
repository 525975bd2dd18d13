"""What a video's container says: streams, the exact time of every frame, rate and rotation, without decoding it all.

Times are the integers of the file in its own time base, read from the packets; seconds are made of them at the end,
never added up. One frame is decoded, since some codecs tell pixels and rotation nowhere else. It is dear only in bytes:
every packet is passed, none but the first few decoded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import Any

from msgspec import Struct

from schemas.errors import BadSample, Unavailable
from schemas.note import TimeSpan

_FORMATS = {
    "mp4": "mov",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "matroska",
    "avi": "avi",
    "flv": "flv",
    "mpg": "mpeg",
    "wmv": "asf",
    "ts": "mpegts",
}
_SAME_RATE = Fraction(1, 200)
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_UNEVEN, _UNEVEN_TICKS = Fraction(1, 8), 2


class Container(Struct, frozen=True):
    """A video's facts; `pts` are its frames' times in the order in which they are shown, `end_pts` the last one's end.

    `key_pts` are the times from which on all can be decoded without what comes before, as the file says.
    `stated_s` is how long the file says that its video is, whatever it holds; 0 where it does not say.

    Width and height are as stored; turned by `rotation_deg` counter-clockwise the picture is upright.
    """

    kind: str
    codec: str
    pixel_format: str
    width_px: int
    height_px: int
    rotation_deg: int
    time_base: tuple[int, int]
    pts: tuple[int, ...]
    end_pts: int
    stated_s: float
    rate: tuple[int, int]
    is_variable: bool
    videos: int
    audios: int
    key_pts: tuple[int, ...] = ()

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last, in seconds."""
        return self.seconds(self.end_pts - self.pts[0])

    def seconds(self, pts: int) -> float:
        """Return a time or a difference of times in seconds."""
        return pts * self.time_base[0] / self.time_base[1]

    def span(self, part: int, first: int, end: int) -> TimeSpan:
        """Return the time of the frames [first, end) of the video that stands at `part`."""
        end_pts = self.pts[end] if end < len(self.pts) else self.end_pts
        return TimeSpan(part, self.pts[first], end_pts, self.time_base)


@contextmanager
def opened(content: bytes, extension: str) -> Iterator[tuple[Any, Any]]:
    """Open a file and yield its container and its best video stream, decoded on one thread.

    The format is the one that its bytes begin like, so that no other demuxer is tried on what a stranger wrote.
    Raises BadSample("unreadable_container" | "no_video_stream").
    """
    av = _av()
    try:
        with av.open(io.BytesIO(content), format=_FORMATS.get(extension)) as container:
            stream = container.streams.best("video")
            if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
                raise BadSample("no_video_stream", f"streams: {[one.type for one in container.streams]}")
            stream.thread_type = "NONE"
            yield container, stream
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise BadSample("unreadable_container", f"{type(error).__name__}: {error}") from None


def read_container(content: bytes, extension: str) -> Container:
    """Read a video's facts; raises BadSample, also for a video of which nothing decodes."""
    with opened(content, extension) as (container, stream):
        packets = [_timed(packet) for packet in container.demux(stream) if packet.size and not packet.is_discard]
        pts, end_pts = _times([packet[:2] for packet in packets])
        if not pts or not stream.time_base:
            raise BadSample("no_frames", "its video stream holds no frames")
        time_base = Fraction(stream.time_base)
        stated = stream.codec_context.framerate, stream.base_rate, stream.average_rate
        rate, is_variable = _rate(pts, time_base, stated)
        kind, codec = container.format.name.split(",")[0], stream.codec_context.codec.canonical_name
        key_pts = tuple(sorted(pts for pts, _, is_key in packets if is_key))
        stated_s = _stated_s(container, stream, float(pts[0] * time_base))
        videos, audios = len(container.streams.video), len(container.streams.audio)
    pixel_format, width_px, height_px, rotation = _first_frame(content, extension)
    return Container(
        kind,
        codec,
        pixel_format,
        width_px,
        height_px,
        rotation,
        (time_base.numerator, time_base.denominator),
        pts,
        end_pts,
        stated_s,
        (rate.numerator, rate.denominator),
        is_variable,
        videos,
        audios,
        key_pts,
    )


def _timed(packet: Any) -> tuple[int, int, bool]:
    """Return a packet's time and how long it lasts, without its bytes, and whether decoding can start with it."""
    pts = packet.dts if packet.pts is None else packet.pts
    if pts is None:
        raise BadSample("frames_without_times", "some of its packets carry no time")
    return pts, packet.duration or 0, packet.is_keyframe


def _times(timed: list[tuple[int, int]]) -> tuple[tuple[int, ...], int]:
    """Return the times of the packets' frames in order, and when the last of them ends."""
    timed.sort()
    pts = tuple(pts for pts, _ in timed)
    if len(set(pts)) < len(pts):
        raise BadSample("times_repeat", f"{len(pts) - len(set(pts))} of {len(pts)} frames have the time of another")
    steps = [later - sooner for sooner, later in pairwise(pts)]
    last = (timed[-1][1] if timed else 0) or (median_low(steps) if steps else 1)
    return pts, (pts[-1] + last if pts else 0)


def _stated_s(container: Any, stream: Any, start_s: float) -> float:
    """Return the stream's duration; the whole file's only where no sound could be longer than the video.

    Matroska counts from zero, whenever the video starts.
    """
    if stream.duration:
        return float(stream.duration * stream.time_base)
    counted_from_s = start_s if container.format.name.startswith("matroska") else 0.0
    if told := _CLOCK.fullmatch(stream.metadata.get("DURATION", "")):
        return max(0.0, 3600 * int(told[1]) + 60 * int(told[2]) + float(told[3]) - counted_from_s)
    return 0.0 if container.streams.audio or not container.duration else container.duration / 1e6 - counted_from_s


def _rate(pts: Sequence[int], time_base: Fraction, stated: Sequence[Fraction | None]) -> tuple[Fraction, bool]:
    """Return frames per second, as stated where the frames bear it out, and whether some last longer than others."""
    taken = (pts[-1] - pts[0]) * time_base
    likely = [Fraction(one) for one in stated if one]
    if not taken:
        return (likely[0] if likely else 1 / time_base), False
    measured = (len(pts) - 1) / taken
    rate = next((one for one in likely if abs(one / measured - 1) <= _SAME_RATE), measured.limit_denominator(2**16))
    period = 1 / (rate * time_base)
    allowed = max(Fraction(_UNEVEN_TICKS), period * _UNEVEN)
    least, most = period - allowed, period + allowed
    return rate, any(not least <= later - sooner <= most for sooner, later in pairwise(pts))


def _first_frame(content: bytes, extension: str) -> tuple[str, int, int, int]:
    """Return the pixel format, width, height and rotation of the first frame that decodes."""
    with opened(content, extension) as (container, stream):
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except _av().FFmpegError:
                continue
            for frame in decoded:
                return frame.format.name, frame.width, frame.height, round(frame.rotation / 90) % 4 * 90
    raise BadSample("undecodable", "none of its frames decodes")


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise Unavailable(
            "videos are read with PyAV, which is not here", remedy="pip install 'ostraka[video]'"
        ) from None
    return av
