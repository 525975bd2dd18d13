"""Clips as slices: which frames are looked at, when they were, and their patches.

Two frames a second, three hundred seconds at most (a longer clip is sampled evenly over the whole of it). Two frames
make a slice, which is a picture to the model, and the second of its first frame is written after it in words. Frames
are decoded from the beginning to the last that is wanted: exact with every codec, and dear for a long clip. Shapes as
in picture.py.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from schemas.errors import BadSample
from trainer.documents.grid import FRAMES, PATCH_PX
from trainer.documents.picture import fit, patchify, resized


class ClipRule(Struct, frozen=True):
    """How densely a clip is looked at and what it may cost, in merged tokens over all its slices."""

    frames_per_s: float = 2.0
    most_s: float = 300.0
    least_tokens: int = 8
    most_tokens: int = 30_000


class ClipFacts(Struct, frozen=True):
    """What a clip's container says of it; width and height as it is shown, after rotation."""

    width_px: int
    height_px: int
    frames: int
    frames_per_s: float

    @property
    def duration_s(self) -> float:
        return self.frames / self.frames_per_s


class Looked(Struct, frozen=True):
    """The frames that are looked at: two for each slice, the grid of one, and the second that stands after each."""

    frames: tuple[int, ...]
    grid: tuple[int, int]
    seconds: tuple[int, ...]


def chosen_frames(facts: ClipFacts, rule: ClipRule) -> tuple[int, ...]:
    """Return which frames are looked at, in order, an even count: the last is shown twice where it is alone."""
    last = facts.frames - 1
    duration_s = facts.duration_s
    if duration_s <= rule.most_s:
        wanted = max(math.floor(duration_s * rule.frames_per_s), 1)
        found = [min(last, math.ceil(one * facts.frames_per_s / rule.frames_per_s)) for one in range(wanted)]
    else:
        wanted = int(rule.most_s * rule.frames_per_s)
        if wanted >= facts.frames:
            found = list(range(facts.frames))
        else:
            times_s = np.linspace(0, duration_s, wanted)
            found = [min(last, math.ceil(time_s * facts.frames_per_s)) for time_s in times_s.tolist()]
    distinct = list(dict.fromkeys(found))
    return tuple(distinct + distinct[-1:] * (len(distinct) % FRAMES))


def look_at(facts: ClipFacts, rule: ClipRule) -> Looked:
    """Return what is looked at of a clip; raises BadSample for one without frames or of an aspect over 200."""
    if facts.frames < 1 or facts.frames_per_s <= 0:
        raise BadSample("no_frames", f"{facts.frames} frames at {facts.frames_per_s:g} a second")
    frames = chosen_frames(facts, rule)
    height, width = fit(len(frames), facts.height_px, facts.width_px, rule.least_tokens, rule.most_tokens)
    seconds = tuple(int(frame / facts.frames_per_s) for frame in frames[::FRAMES])
    return Looked(frames, (height // PATCH_PX, width // PATCH_PX), seconds)


def clip_facts(content: bytes) -> ClipFacts:
    """Read a clip's facts from its container; where it does not count its frames, by its packets. Raises BadSample."""
    try:
        with av.open(io.BytesIO(content), "r") as container:
            stream = container.streams.video[0]
            frames = stream.frames or sum(bool(packet.size) for packet in container.demux(stream))
            rate = float(stream.average_rate or stream.guessed_rate or 0)
            first = next(decoded(content), None)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise BadSample("unreadable_clip", f"{type(error).__name__}: {error}") from None
    if first is None:
        raise BadSample("no_frames", "nothing of it decodes")
    height_px, width_px, _ = first.shape
    return ClipFacts(width_px, height_px, frames, rate)


def clip_patches(content: bytes, looked: Looked) -> NDArray[np.uint8]:
    """Return [P, D] of all slices one after another; raises BadSample where a frame that is wanted does not decode."""
    try:
        frames = _frames(content, looked)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise BadSample("unreadable_clip", f"{type(error).__name__}: {error}") from None
    pairs = zip(looked.frames[::FRAMES], looked.frames[1::FRAMES], strict=True)
    return np.concatenate([patchify(np.stack([frames[one], frames[other]])) for one, other in pairs])


def _frames(content: bytes, looked: Looked) -> dict[int, NDArray[np.uint8]]:
    wanted = set(looked.frames)
    found: dict[int, NDArray[np.uint8]] = {}
    for place, frame in enumerate(decoded(content)):
        if place in wanted:
            found[place] = resized(Image.fromarray(frame), looked.grid)
        if len(found) == len(wanted):
            return found
    raise BadSample("frames_missing", f"frame {max(wanted)} is wanted, {len(found)} of {len(wanted)} were found")


def decoded(content: bytes) -> Iterator[NDArray[np.uint8]]:
    """Yield frames as [H, W, C], turned as they are to be shown; on one thread, so that bits do not depend on it."""
    with av.open(io.BytesIO(content), "r") as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            shown = frame.to_ndarray(format="rgb24")
            yield np.ascontiguousarray(np.rot90(shown, round(frame.rotation / 90))) if frame.rotation else shown
