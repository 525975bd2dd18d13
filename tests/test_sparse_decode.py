"""Frames of a few times: the bytes of decoding everything, whatever the groups of pictures, and what is left out."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators import sparse_decode
from annotators.container import Container, read_container
from annotators.sparse_decode import decoded_at

FRAMES, _HEADER = 48, 5
MADE = {
    "closed groups": ("libx264", "mp4", {"bf": "3", "g": "12"}),
    "open groups": ("libx264", "mkv", {"bf": "3", "g": "12", "x264-params": "open-gop=1"}),
    "one group": ("libx264", "mp4", {"bf": "3", "g": "250", "x264-params": "b-adapt=0"}),
    "refreshed by columns": ("libx264", "mp4", {"bf": "0", "g": "12", "x264-params": "intra-refresh=1"}),
    "hevc, open groups": ("libx265", "mp4", {"x265-params": "log-level=none:pools=1:bframes=3:open-gop=1:keyint=12"}),
    "hidden frames": ("libvpx-vp9", "webm", {"auto-alt-ref": "1", "lag-in-frames": "12", "cpu-used": "8", "g": "12"}),
    "av1": ("libsvtav1", "mp4", {"preset": "12", "g": "12"}),
    "old": ("mpeg4", "avi", {"bf": "2", "g": "12"}),
    "keyframes in name only": ("mpeg4", "mp4", {"bf": "2", "g": "12"}),
    "in a stream": ("mpeg2video", "ts", {"bf": "2", "g": "12"}),
    "keyframes alone": ("mjpeg", "avi", {}),
}


@cache
def made(name: str) -> tuple[bytes, str, Container]:
    codec, extension, options = MADE[name]
    noise = np.random.default_rng(1).integers(0, 256, (12, 20, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    out = io.BytesIO()
    with av.open(out, "w", format={"mkv": "matroska", "ts": "mpegts"}.get(extension, extension)) as file:
        stream: Any = file.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.max_b_frames = int(options.get("bf", 0))
        stream.codec_context.thread_count = 1
        for place in range(FRAMES):
            pixels = np.roll(noise, 3 * place, 1)[:64, :96].copy()
            pixels[:20, :20] = 5 * place
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode(None))
    content = out.getvalue().replace(b"stss", b"free") if name == "keyframes in name only" else out.getvalue()
    return content, extension, read_container(content, extension)


@cache
def everything(name: str) -> dict[int, bytes]:
    content, _, _ = made(name)
    with av.open(io.BytesIO(content)) as file:
        return {frame.pts: frame.to_ndarray(format="rgb24").tobytes() for frame in file.decode(video=0)}


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=12)
@given(places=st.sets(st.integers(0, FRAMES - 1), min_size=1, max_size=FRAMES))
def test_frames_are_those_of_decoding_everything(name: str, places: set[int]) -> None:
    content, extension, container = made(name)
    wanted = [container.pts[place] for place in sorted(places)]
    found = [
        (frame.pts, frame.to_ndarray(format="rgb24").tobytes())
        for frame in decoded_at(content, extension, container, wanted)
    ]
    assert found == [(pts, everything(name)[pts]) for pts in wanted]


def spoilt(name: str, which: Callable[[Any], bool]) -> bytes:
    """Return a clip with zeros behind the headers of the packets of which something holds; at least a few are."""
    content, _, _ = made(name)
    found = bytearray(content)
    with av.open(io.BytesIO(content)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size and which(packet)]
    assert len(packets) > FRAMES // 4
    for packet in packets:
        found[packet.pos + _HEADER : packet.pos + packet.size] = bytes(packet.size - _HEADER)
    return bytes(found)


def looked(name: str, content: bytes, places: list[int], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the frames at these places are right without a look at everything."""
    _, extension, container = made(name)
    monkeypatch.setattr(sparse_decode, "_out_of_all", lambda *_: iter(()))
    wanted = [container.pts[place] for place in places]
    found = [frame.to_ndarray(format="rgb24").tobytes() for frame in decoded_at(content, extension, container, wanted)]
    return found == [everything(name)[pts] for pts in wanted]


def test_groups_without_a_wanted_frame_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    first, end, again = (made("closed groups")[2].pts[place] for place in (12, 24, 36))
    content = spoilt("closed groups", lambda packet: packet.pts < first or end <= packet.pts < again)
    assert looked("closed groups", content, [13, 22, 23, 37, FRAMES - 2], monkeypatch)


def test_pictures_that_no_other_is_made_of_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [0, 17, FRAMES - 1]
    times = [made("one group")[2].pts[place] for place in wanted]

    def is_of_no_use(packet: Any) -> bool:
        return bytes(packet)[4] >> 5 & 3 == 0 and packet.pts not in times

    assert looked("one group", spoilt("one group", is_of_no_use), wanted, monkeypatch)
