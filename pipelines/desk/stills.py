"""Stills: the frames of a clip that a disagreement is about, as small pictures inside a page.

They come from the proxy that people saw, found by place, so a still is the frame that somebody marked. What cannot be
read is left out: a page with a picture less is better than none.
"""

from __future__ import annotations

import io
import os
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from annotators.desk.item import Item, Notes
from annotators.desk.label_studio.frame_map import FrameMap, from_json
from pipelines.desk.media import CLIP, MAP, PICTURES
from schemas.errors import BadInput
from schemas.note import TimeSpan, Track

SIDE_PX, QUALITY = 280, 72
MOST = 5


class Still(Struct, frozen=True):
    """A picture as a data address, and what stands under it."""

    address: str
    says: str


def stills(media: str, item: Item, versions: Sequence[Notes], most: int = MOST) -> list[Still]:
    """Return frames of an item to look at: where spans begin and end in one version and not in another, or spread."""
    try:
        if item.facts.get(CLIP):
            return _frames(media, item, versions, most)
        return [_picture(os.path.join(media, name)) for name in item.facts.get(PICTURES, "").splitlines()[:most]]
    except (OSError, ValueError, BadInput):
        return []


def _frames(media: str, item: Item, versions: Sequence[Notes], most: int) -> list[Still]:
    with open(os.path.join(media, os.path.basename(item.facts[MAP])), "rb") as file:
        mapped = from_json(file.read())
    places = places_to_see(mapped, versions, most)
    pictures = _decoded(os.path.join(media, os.path.basename(item.facts[CLIP])), mapped, places)
    base = mapped.time_base[0] / mapped.time_base[1]
    return [
        Still(_address(picture), f"frame {place + 1}, {mapped.pts[place] * base:.2f} s")
        for place, picture in zip(places, pictures, strict=True)
    ]


def places_to_see(mapped: FrameMap, versions: Sequence[Notes], most: int) -> list[int]:
    """Return the places of frames that tell versions apart, at most so many, in order; spread ones where none do."""
    ends = [{end for note in notes for end in _ends(mapped, note.at)} for notes in versions]
    every = {end for one in ends for end in one}
    apart = sorted(end for end in every if not all(end in one for one in ends))
    chosen = apart or sorted(every) or [(2 * n + 1) * mapped.frames // 6 for n in range(3)]
    if len(chosen) > most:
        chosen = [chosen[n * (len(chosen) - 1) // (most - 1)] for n in range(most)]
    return sorted(set(chosen))


def _ends(mapped: FrameMap, at: object) -> Iterable[int]:
    """Yield the first and the last frame of a span or a track."""
    if isinstance(at, TimeSpan):
        first, end = mapped.places(at)
        if first < end:
            yield from (first, end - 1)
    elif isinstance(at, Track):
        for box in (at.boxes[0], at.boxes[-1]) if at.boxes else ():
            place = mapped.place(int(box[0]), at.time_base)
            if place is not None:
                yield place


def _decoded(path: str, mapped: FrameMap, places: Sequence[int]) -> list[Any]:
    """Return frames of a proxy by their place; raises ValueError where one does not come out."""
    found = dict[int, Any]()
    with _av().open(path) as file:
        stream = file.streams.video[0]
        base = stream.time_base
        for place in places:
            file.seek(round(place * mapped.rate[1] / mapped.rate[0] / base), stream=stream)
            for frame in file.decode(stream):
                at = round(float((frame.pts or 0) * base) * mapped.frames_per_s)
                if at >= place:
                    found[place] = frame.to_image()
                    break
    if missing := [place for place in places if place not in found]:
        raise ValueError(f"frame {missing[0]} of {path} did not come out")
    return [found[place] for place in places]


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise BadInput("frames are read with PyAV", remedy="pip install 'ostraka[desk]'") from None
    return av


def _picture(path: str) -> Still:
    from PIL import Image

    with Image.open(os.path.join(os.path.dirname(path), os.path.basename(path))) as picture:
        return Still(_address(picture.convert("RGB")), "")


def _address(picture: Any) -> str:
    picture.thumbnail((SIDE_PX, SIDE_PX))
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{b64encode(held.getvalue()).decode()}"
