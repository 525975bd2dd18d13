"""The one way in which frames come out of a video: by their places, upright, small, the same from either decoder.

PyAV passes the file once and decodes what the wanted frames stand on; it knows every codec and pixel format of FFmpeg
and is the quicker of the two, at two frames a second as at all of them (`bench/sparse.py`). decord is the second reader
behind the same door. It keeps some of what it passes (2.4 GiB over the 108,000 frames of a made three-hour file), so it
is for a few frames of many. Which of them reads is a function of the file and of who asks. Where both read a file they
give the same bytes, or a level more or less of MPEG-4. HEVC is left to PyAV, since the FFmpeg in decord's wheel decodes
some of it to other pixels; so are files of several video streams, of which decord takes another. What a place is in
time, `Container.pts` says; decord's own times are floats that lose the start of a stream.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from annotators.container import Container
from annotators.sparse_decode import decoded_at
from schemas.errors import BadSample, Unavailable

Decoder = Literal["decord", "pyav"]
Frame = NDArray[np.uint8]
"""Rows, columns, channels: RGB, 8 bits each."""

DECORD_READS = frozenset({"h264", "vp8", "vp9", "mpeg4"})
_PLAIN_PIXELS = frozenset({"yuv420p", "yuvj420p"})


def decoder_of(container: Container, wanted: Decoder) -> Decoder:
    """Return the decoder that reads a video: the wanted one, PyAV where decord does not read it or reads another."""
    plain = container.codec in DECORD_READS and container.pixel_format in _PLAIN_PIXELS
    return wanted if plain and container.videos == 1 and not container.rotation_deg else "pyav"


def frames_at(
    content: bytes, extension: str, container: Container, places: Sequence[int], side_px: int, wanted: Decoder
) -> Iterator[Frame]:
    """Yield the frames at these places, which ascend, their longer side at most `side_px` pixels.

    Raises BadSample("undecodable" | "frames_missing").
    """
    if not places:
        return
    read = _by_decord if decoder_of(container, wanted) == "decord" else _by_pyav
    for frame in read(content, extension, container, places):
        yield _small(np.rot90(frame, container.rotation_deg // 90), side_px)


def _by_decord(content: bytes, extension: str, container: Container, places: Sequence[int]) -> Iterator[Frame]:
    decord = _decord()
    try:
        reader = decord.VideoReader(io.BytesIO(content), ctx=decord.cpu(0), num_threads=1)
        for place in places:
            yield reader[place].asnumpy()
    except (decord.DECORDError, RuntimeError, IndexError) as error:
        raise BadSample("undecodable", f"decord: {str(error).splitlines()[0]:.200}") from None


def _by_pyav(content: bytes, extension: str, container: Container, places: Sequence[int]) -> Iterator[Frame]:
    came, times = 0, [container.pts[place] for place in places]
    for frame in decoded_at(content, extension, container, times):
        came += 1
        yield frame.to_ndarray(format="rgb24")
    if came < len(times):
        raise BadSample("frames_missing", f"{len(times) - came} of {len(times)} frames did not come out")


def _small(frame: Frame, side_px: int) -> Frame:
    import cv2

    height, width = frame.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(frame)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: Frame = cv2.resize(np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA)
    return small


def _decord() -> Any:
    try:
        import decord
    except ImportError:
        raise Unavailable(
            "frames are read with decord, which is not here", remedy="pip install 'ostraka[video]'"
        ) from None
    return decord
