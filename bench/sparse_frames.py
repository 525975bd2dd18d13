"""Frames at two a second out of thirty: `annotators.frames` against plain readers of PyAV, decord and torchcodec.

One clip in three encodings by x264's defaults (three B-frames that serve as references): a keyframe every 250 frames,
as x264 does it, every 15, as cameras and streams do, and every frame. Each side opens the bytes and returns the frames
as RGB; ours reads the times of all frames first. PyAV decodes everything and keeps each fifteenth, decord and
torchcodec are asked for the fifteenths at once. One thread each.
"""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import av
import numpy as np

from annotators.container import read_container
from annotators.frames import Frame, frames_at
from bench.duel import Row, interleave, require, row
from bench.photographs import DATA
from pipelines.ingest.drawn_clips import Drawing, Piece, draw

GOAL = 3
EVERY = 15
SECONDS = 16
KEYFRAMES = {"a keyframe every 250": 250, "a keyframe every 15": 15, "keyframes alone": 1}
BOUND = {250: "pictures that others are made of", 15: "the wanted frame itself, and RGB of it", 1: "the wanted frame"}
TORCHCODEC, FOLDER = "torchcodec==0.13.0", ".venv-bench-torchcodec"
_WHOLE_PX = 1 << 16


def ours(content: bytes) -> list[Frame]:
    container = read_container(content, "mp4")
    places = range(0, len(container.pts), EVERY)
    return list(frames_at(content, "mp4", container, places, _WHOLE_PX, "pyav"))


def pyav(content: bytes) -> list[Frame]:
    with av.open(io.BytesIO(content)) as file:
        file.streams.video[0].thread_type = "NONE"
        frames = enumerate(file.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for place, frame in frames if place % EVERY == 0]


def decord(content: bytes) -> list[Frame]:
    here = importlib.import_module("decord")
    reader = here.VideoReader(io.BytesIO(content), ctx=here.cpu(0), num_threads=1)
    return list(reader.get_batch(range(0, len(reader), EVERY)).asnumpy())


def torchcodec(content: bytes, decoders: Any) -> list[Frame]:
    decoder = decoders.VideoDecoder(content, dimension_order="NHWC", num_ffmpeg_threads=1)
    return list(decoder.get_frames_at(list(range(0, len(decoder), EVERY))).data.numpy())


def rows(_: str) -> Iterator[Row]:
    peers: dict[str, Callable[[bytes], list[Frame]]] = {"PyAV": pyav, "decord": decord}
    why = ""
    try:
        peers["torchcodec"] = partial(torchcodec, decoders=_torchcodec())
    except (OSError, ImportError, RuntimeError) as error:
        why = f"torchcodec cannot be had here: {str(error).strip().splitlines()[-1][:200]}"
    source, origin = _source()
    print(f"sparse frames: {origin}, {len(source)} frames of {source[0].shape[1]} x {source[0].shape[0]}")
    for name, apart in KEYFRAMES.items():
        content = _encoded(source, apart)
        mine, wanted = ours(content), len(range(0, len(source), EVERY))
        duel = f"2 frames a second of 30, {name}"
        for peer, read in peers.items():
            theirs = read(content)
            off = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(mine, theirs, strict=True))
            require(off <= 2, f"{peer}'s frames are up to {off} levels from ours")
            times_s = interleave(partial(ours, content), partial(read, content))
            yield row(f"{duel}: {peer}", times_s, wanted, GOAL, BOUND[apart])
        if why:
            own = row(duel, interleave(partial(ours, content), lambda: None), wanted, GOAL, BOUND[apart])
            yield Row(f"{duel}: torchcodec", own.ours, float("nan"), (), GOAL, BOUND[apart], missing=why)


def _source() -> tuple[list[Frame], str]:
    """Return sixteen seconds at 30 frames a second: the clip of PySceneDetect where the sample data is, else drawn."""
    path = os.path.join(DATA, "video", "pyscenedetect", "testvideo.mp4")
    if os.path.exists(path):
        with open(path, "rb") as file:
            content = file.read()
        origin = "a clip of PySceneDetect's"
    else:
        photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        piece = Piece("pan_left", 30 * SECONDS, speed=0.2)
        content = draw(Drawing("sparse", (piece,), rate=(30, 1), size=(1280, 720)), [photo]).content
        origin = "a drawn clip"
    container = read_container(content, "mp4")
    places = range(min(len(container.pts), 30 * SECONDS))
    return list(frames_at(content, "mp4", container, places, 960, "pyav")), origin


def _encoded(frames: Sequence[Frame], apart: int) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream: Any = file.add_stream("libx264", rate=30)
        stream.height, stream.width = frames[0].shape[0] // 2 * 2, frames[0].shape[1] // 2 * 2
        stream.pix_fmt, stream.options = "yuv420p", {"g": str(apart), "keyint_min": "1"}
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


def _torchcodec() -> Any:
    """Return torchcodec's decoders, after putting the package into a folder of its own; it wants FFmpeg's libraries."""
    if not os.path.isdir(FOLDER):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", FOLDER, TORCHCODEC]
        ran = subprocess.run(pip, capture_output=True, text=True)
        if ran.returncode:
            raise ImportError(ran.stderr)
    sys.path.append(os.path.abspath(FOLDER))
    return importlib.import_module("torchcodec.decoders")
