"""A video by its packets: which of them a span needs, and where decoding has to begin.

Held are four numbers a packet, never its bytes, and reading goes by keyframes: of a file of hours a span costs what it
is long, and the group of pictures before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.container import Container, opened, read_container
from schemas.errors import BadSample, Unavailable
from schemas.note import TimeSpan

_EDGE_S = Fraction(1, 2)
_NO_TIME = np.iinfo(np.int64).min


class Indexed(Struct, frozen=True):
    """A video's bytes, what its container says, and its packets in the order of the file: when each is shown and
    decoded, whether decoding may begin there, and whether its time is its own."""

    content: bytes
    extension: str
    container: Container
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    is_key: NDArray[np.bool_]
    is_timed: NDArray[np.bool_]

    @property
    def time_base(self) -> Fraction:
        """The unit of its times, in seconds."""
        return Fraction(*self.container.time_base)

    def frames_of(self, span: TimeSpan) -> range:
        """Return the places of the frames that are shown first within a span.

        Raises BadSample("outside") where it begins or ends more than half a second before or behind the video.
        """
        unit = Fraction(*span.time_base) / self.time_base
        start, end = span.start_pts * unit, span.end_pts * unit
        shown = self.container.pts
        edge = _EDGE_S / self.time_base
        if start < shown[0] - edge or end > self.container.end_pts + edge:
            seconds = [float(at * self.time_base) for at in (start, end, shown[0], self.container.end_pts)]
            raise BadSample("outside", "{:.3f} to {:.3f} s of a video from {:.3f} to {:.3f} s".format(*seconds))
        return range(bisect_left(shown, start), bisect_left(shown, end))

    def end_of(self, place: int) -> int:
        """Return when a frame is shown no more."""
        shown = self.container.pts
        return shown[place + 1] if place + 1 < len(shown) else self.container.end_pts

    def run_of(self, places: range) -> range | None:
        """Return the packets, one after another in the file, that hold these frames and no others and need none before
        them; None where there are no such."""
        shown = self.container.pts[places.start : places.stop]
        first = int(np.flatnonzero(self.pts == shown[0])[0])
        run = range(first, first + len(shown))
        here = slice(run.start, run.stop)
        whole = self.is_key[first] and self.is_timed[here].all() and sorted(self.pts[here].tolist()) == list(shown)
        return run if whole else None

    def key_before(self, place: int) -> int:
        """Return the last packet from which the frame at a place can be decoded: the first where none is a keyframe."""
        shown = self.container.pts[place]
        own = int(np.flatnonzero(self.pts == shown)[0])
        keys = np.flatnonzero(self.is_key[: own + 1] & (self.pts[: own + 1] <= shown))
        return int(keys[-1]) if len(keys) else 0


def index(content: bytes, extension: str) -> Indexed:
    """Index a video; raises BadSample where it is none."""
    container = read_container(content, extension)
    with opened(content, extension) as (file, stream):
        rows = [
            (
                _time(packet.dts if packet.pts is None else packet.pts),
                _time(packet.dts),
                packet.is_keyframe,
                packet.pts is not None and not packet.is_discard,
            )
            for packet in file.demux(stream)
            if packet.size
        ]
    pts, dts, keys, timed = zip(*rows, strict=True)
    times = np.array(pts, np.int64), np.array(dts, np.int64)
    return Indexed(content, extension, container, *times, np.array(keys, np.bool_), np.array(timed, np.bool_))


@contextmanager
def packets_from(indexed: Indexed, first: int) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Yield the stream and its packets from one on, found by a seek; by reading up to it where seeks lead elsewhere."""
    with opened(indexed.content, indexed.extension) as (file, stream):
        file.seek(int(indexed.pts[first]), stream=stream, backward=True)
        packets = (packet for packet in file.demux(stream) if packet.size)
        packet = next(packets, None)
        while packet is not None and not _is(packet, indexed, first):
            packet = None if _is_past(packet, indexed, first) else next(packets, None)
        if packet is not None:
            yield stream, _all(packet, packets)
            return
    with opened(indexed.content, indexed.extension) as (file, stream):
        packets = (packet for packet in file.demux(stream) if packet.size)
        for _ in range(first):
            next(packets)
        yield stream, packets


def need_av() -> Any:
    """Return PyAV; raises Unavailable that names the extra where it is not here."""
    try:
        import av
    except ImportError:
        raise Unavailable(
            "videos are cut with PyAV, which is not here", remedy="pip install 'ostraka[video]'"
        ) from None
    return av


def _all(packet: Any, packets: Iterator[Any]) -> Iterator[Any]:
    yield packet
    yield from packets


def _is(packet: Any, indexed: Indexed, place: int) -> bool:
    pts, dts = packet.dts if packet.pts is None else packet.pts, packet.dts
    return bool(_time(pts) == indexed.pts[place] and _time(dts) == indexed.dts[place])


def _is_past(packet: Any, indexed: Indexed, place: int) -> bool:
    return bool(_time(packet.dts) > indexed.dts[place])


def _time(time: int | None) -> int:
    return _NO_TIME if time is None else time
