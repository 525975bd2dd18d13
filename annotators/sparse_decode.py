"""Decodes the frames of some times and leaves out what none of them stands on.

A picture is decoded from the keyframe before it on, so a group of pictures without a wanted one is passed over, and of
a group nothing is decoded behind its last wanted one. Within a group the pictures that no other is made of are left
out, as their headers say. Every packet is passed all the same, which costs a few microseconds each: of the 324,000 of
three hours a second or two. Seeking would save that, and lands beside what was asked for in files with a poor index.
The bytes are those of decoding everything. Where a jump does not land on a keyframe, or a frame is missing, everything
is decoded from the beginning.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from annotators.container import Container, opened
from schemas.errors import BadSample


class _AstrayError(Exception):
    """A jump did not land on a keyframe, or a frame did not come out in its turn."""


def decoded_at(content: bytes, extension: str, container: Container, wanted: Sequence[int]) -> Iterator[Any]:
    """Yield PyAV's frames of these times, which ascend; fewer where some do not come out."""
    done = 0
    try:
        for frame in _Sparse(container, wanted).frames(content, extension):
            if frame.pts != wanted[done]:
                raise _AstrayError
            done += 1
            yield frame
    except (_AstrayError, BadSample):
        pass
    if done < len(wanted):
        yield from _out_of_all(content, extension, {*wanted[done:]})


def _out_of_all(content: bytes, extension: str, wanted: set[int]) -> Iterator[Any]:
    with opened(content, extension) as (file, stream):
        for frame in file.decode(stream):
            if frame.pts in wanted:
                wanted.remove(frame.pts)
                yield frame
            if not wanted:
                return


class _Sparse:
    """One pass over a file: `_todo` are the wanted times whose packets are still to come before decoding may pause."""

    def __init__(self, container: Container, wanted: Sequence[int]) -> None:
        self._wanted = {*wanted}
        self._after: dict[int | None, set[int]] = {}
        for pts in wanted:
            place = bisect_right(container.key_pts, pts)
            self._after.setdefault(container.key_pts[place - 1] if place else None, set()).add(pts)
        self._todo = self._after.pop(None, set[int]())
        self._paused = False
        self._lands_on: int | None = None

    def frames(self, content: bytes, extension: str) -> Iterator[Any]:
        with opened(content, extension) as (file, stream):
            decoder = stream.codec_context
            decoder.open(strict=False)  # dav1d would hold on to what is to be skipped when it opens
            for packet in file.demux(stream):
                pts = packet.dts if packet.pts is None else packet.pts
                if packet.is_keyframe and pts in self._after:
                    if self._paused and not self._todo:
                        yield from self._taken(decoder.decode(None))
                        decoder.flush_buffers()
                        self._paused, self._lands_on = False, pts
                    self._todo |= self._after.pop(pts)
                if not self._todo:
                    self._paused = True
                elif packet.size:
                    decoder.skip_frame = "DEFAULT" if pts in self._wanted else "NONREF"
                    yield from self._taken(decoder.decode(packet))
                    self._todo.discard(pts)
                if self._paused and not self._after:
                    break
            yield from self._taken(decoder.decode(None))

    def _taken(self, frames: Sequence[Any]) -> Iterator[Any]:
        """Yield the wanted ones of these frames; raises _AstrayError where the first of them is not the keyframe."""
        for frame in frames:
            if self._lands_on is not None:
                if frame.pts is None or frame.pts < self._lands_on:
                    continue
                if frame.pts > self._lands_on or not frame.key_frame:
                    raise _AstrayError
                self._lands_on = None
            if frame.pts in self._wanted:
                yield frame
