"""What people see of a sample: a proxy of its clip with a frame map, its pictures as they came, its texts.

Made by an annotator, so that the guard can hold what a broken video kills. What was made lies in the desk's media
folder, named by the bytes and the span that it is of: it is made once for all layers. An item's facts name it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar, Literal

import fsspec

from annotators.annotator import Annotator, Needs, Subject
from annotators.desk.item import Item
from annotators.desk.label_studio.frame_map import from_json, to_json
from annotators.desk.label_studio.proxy import make_proxy
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.task import Shown
from schemas.errors import BadInput, BadSample
from schemas.note import Noted, TimeSpan
from schemas.publish import put
from schemas.sample import Image, Video
from schemas.vocabulary import Name

CLIP, MAP, PART, PICTURES, WORDS = "clip", "frame_map", "part", "pictures", "words"
"""Names of an item's facts."""
AT = "at"
SERVED = "/data/local-files/?d=media/"
_BROWSERS_SHOW = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "avif")


class SeenByPeople(Annotator, frozen=True):
    """Makes in a folder what a sheet shows of a sample. Reads `at`: part, first and last pts, time base, or nothing."""

    folder: str = ""
    shows: Literal["clip", "pictures", "words"] = "clip"
    limit_s: float = 900.0

    writes: ClassVar = (
        Name(CLIP, "string", "", "the proxy's file, empty where no clip is shown"),
        Name(MAP, "string", "", "the file of its frame map"),
        Name(PART, "string", "", "its place among the parts"),
        Name(PICTURES, "string", "", "the files of the pictures, a line each"),
        Name(WORDS, "string", "", "the texts, a paragraph each"),
    )
    made_with: ClassVar = ("av",)
    extra: ClassVar = "desk"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    def look(self, subject: Subject) -> Noted:
        words = "\n\n".join(text.text for text in subject.sample.texts)
        found = {CLIP: "", MAP: "", PART: "", PICTURES: "", WORDS: words}
        if self.shows == "clip":
            found |= self._clip(subject)
        elif self.shows == "pictures":
            found[PICTURES] = "\n".join(self._picture(subject, part) for part in _pictures(subject))
        elif not words.strip():
            raise BadSample("no_words", "the sample has no text")
        return Noted(dict(found))

    def _clip(self, subject: Subject) -> dict[str, str]:
        given = subject.notes.get(AT) or []
        place, video = subject.video() if not given else (given[0], subject.sample.parts[given[0]])
        if not isinstance(video, Video):
            raise BadSample("no_video", f"part {place} is no video")
        name = sha256(f"{video.digest} {given}".encode()).hexdigest()[:32]
        clip, mapped = f"{name}.mp4", f"{name}.json"
        if not all(os.path.exists(os.path.join(self.folder, one)) for one in (clip, mapped)):
            span = TimeSpan(place, given[1], given[2], (given[3], given[4])) if given else None
            proxy = make_proxy(subject.content(video), video.extension, span=span)
            self._put(clip, proxy.content)
            self._put(mapped, to_json(proxy.map))
        return {CLIP: clip, MAP: mapped, PART: str(place)}

    def _picture(self, subject: Subject, part: Image) -> str:
        if part.extension.lower() not in _BROWSERS_SHOW:
            raise BadSample("not_shown_by_browsers", part.extension)
        name = f"{part.digest[:32]}.{part.extension}"
        self._put(name, subject.content(part))
        return name

    def _put(self, name: str, content: bytes) -> None:
        put(fsspec.filesystem("file"), os.path.join(self.folder, name), content)


def _pictures(subject: Subject) -> Sequence[Image]:
    found = [part for _, part in subject.sample.media() if isinstance(part, Image)]
    if not found:
        raise BadSample("no_picture", "the sample has no picture")
    return found


def is_there(media: str, item: Item) -> bool:
    """Say whether all files that an item names are there."""
    names = [item.facts.get(CLIP), item.facts.get(MAP), *item.facts.get(PICTURES, "").splitlines()]
    return all(os.path.exists(os.path.join(media, name)) for name in names if name)


def shown_of(media: str, served: str, item: Item) -> Shown:
    """Return what is shown for an item; `served` is what stands before a file's name in its address."""
    clip = None
    if item.facts.get(CLIP):
        clip = _clip(os.path.join(media, item.facts[MAP]), int(item.facts[PART]))
    pictures = tuple(served + name for name in item.facts.get(PICTURES, "").splitlines())
    return Shown(served + item.facts[CLIP] if clip else "", clip, pictures, item.facts.get(WORDS, ""))


@lru_cache(4096)
def _clip(path: str, part: int) -> Clip:
    try:
        with open(path, "rb") as file:
            return Clip(part, from_json(file.read()))
    except FileNotFoundError:
        remedy = "send the item again: ostraka desk send makes what is missing"
        raise BadInput("a frame map is gone", where=path, remedy=remedy) from None
