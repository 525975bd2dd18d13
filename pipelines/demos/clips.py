"""The demo of videos: clips drawn over photographs, whose shots and moves are known, and clips that have to go."""

from __future__ import annotations

import os
import shutil

import msgspec
import numpy as np

CLIPS = 6


def write_clips(folder: str) -> None:
    """Draw the clips, and beside them a copy, one cut short, one of nothing but black, and a text; once."""
    from pipelines.ingest.drawn_set import write_clips as draw_clips

    clips = os.path.join(folder, "clips")
    if os.path.isfile(os.path.join(clips, "planted")):
        return
    shutil.rmtree(clips, ignore_errors=True)
    manifest, _ = draw_clips(clips, "", CLIPS)
    with open(manifest, "rb") as file:
        first = msgspec.json.decode(file.readline())["video"]
    with open(os.path.join(clips, first), "rb") as file:
        content = file.read()
    planted = {
        "planted_copy": content,
        "planted_cut_short": content[: len(content) // 2],
        "planted_black": _black(),
        "planted_text": b"this is no video, whatever it is called\n",
    }
    with open(manifest, "ab") as file:
        for name, data in planted.items():
            with open(os.path.join(clips, f"{name}.mp4"), "wb") as clip:
                clip.write(data)
            record = {"id": name, "video": f"{name}.mp4", "caption": name.replace("_", " ")}
            file.write(msgspec.json.encode(record) + b"\n")
    with open(os.path.join(clips, "planted"), "wb"):
        pass


def _black() -> bytes:
    """Return a clip of two seconds without a light."""
    from pipelines.ingest.drawn_clips import Drawing, Piece, draw

    dark = [np.zeros((192, 256, 3), np.uint8)] * 2
    return draw(Drawing("planted_black", (Piece("static", 48),), numbered=False), dark).content
