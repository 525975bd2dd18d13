"""A clip as a chat endpoint takes it: frames at even times, each behind its second, counted from the first frame."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from annotators.container import read_container
from annotators.frames import Decoder, frames_at

DECODER: Decoder = "pyav"


def clip_content(content: bytes, extension: str, most_frames: int, side_px: int) -> list[dict[str, Any]]:
    """Return the parts of a message: up to `most_frames` frames, their longer side at most `side_px` pixels.

    Raises BadSample where the clip cannot be decoded.
    """
    container = read_container(content, extension)
    count = len(container.pts)
    places = sorted({int(place) for place in np.linspace(0, count - 1, min(count, most_frames)).round()})
    parts: list[dict[str, Any]] = []
    for place, frame in zip(places, frames_at(content, extension, container, places, side_px, DECODER), strict=True):
        parts.append({"type": "text", "text": f"{container.seconds(container.pts[place] - container.pts[0]):.2f} s:"})
        parts.append(picture_part(jpeg_of_frame(frame)))
    return parts


def jpeg_of_frame(frame: Any) -> bytes:
    """Return a frame as JPEG."""
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=90)
    return out.getvalue()


def picture_part(jpeg: bytes) -> dict[str, Any]:
    """Return the part of a message that holds a picture."""
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}
