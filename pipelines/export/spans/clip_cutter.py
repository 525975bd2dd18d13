"""ClipCutter: cuts one span after another, where a video may hang, kill or bloat what decodes it: in the guard's child.

What it makes lies as files in a folder of the worker's, which takes them away; what it says is how it was done. A
video is read and indexed once for all spans that follow one another in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

from msgspec import Struct

from annotators.annotator import Annotator, Look, Needs, Subject
from pipelines.export.spans import clip_copy, clip_pictures
from pipelines.export.spans.clip_copy import copied, seconds
from pipelines.export.spans.clip_encode import encoded
from pipelines.export.spans.clip_index import Indexed, index
from pipelines.export.spans.clip_pictures import pictures
from schemas.errors import BadSample
from schemas.note import Noted, TimeSpan
from schemas.sample import Video
from schemas.vocabulary import Name

Uncopied = Literal["encode", "frames", "leave"]
SPAN = "span"
WHOLE = "whole"
FEWEST_FRAMES = 2


class ClipCutter(Annotator, frozen=True):
    """Reads `span`: the number of the span, part, first and last pts and the time base; and `whole`, whether the file
    is to stay as it is. `uncopied` says what becomes of a span that cannot be copied."""

    folder: str = ""
    uncopied: Uncopied = "encode"
    frames_per_s: float = 2.0
    limit_s: float = 900.0

    writes: ClassVar = (
        Name("cut", "string", "", "how it was cut"),
        Name("cut_start_pts", "int64", "time base", "when its first frame is shown in the video"),
        Name("cut_end_pts", "int64", "time base", "when its last frame is shown there no more"),
        Name("cut_time_base", "list<uint32>", "", "numerator and denominator of the video's time base"),
        Name("cut_frames", "uint32", "", "frames that it shows"),
        Name("cut_s", "float64", "s", "how long it lasts"),
        Name("cut_files", "list<string>", "", "the files that hold it"),
        Name("cut_shown_s", "list<float64>", "s", "when each of them is shown, where they are pictures"),
        Name("cut_sides_px", "list<uint32>", "px", "width and height of each of them, where they are pictures"),
    )
    made_with: ClassVar = ("av",)
    extra: ClassVar = "video"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    @contextmanager
    def open(self) -> Iterator[Look]:
        held = _Held()

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            found: list[Noted | BadSample] = []
            for subject in subjects:
                try:
                    found.append(self._cut(subject, held.of))
                except BadSample as bad:
                    found.append(bad)
            return found

        yield look

    def _cut(self, subject: Subject, indexed_of: Callable[[Subject, Video], Indexed]) -> Noted:
        number, part, start_pts, end_pts, *base = subject.notes[SPAN]
        video = subject.sample.parts[part]
        if not isinstance(video, Video):
            raise BadSample("no_video", f"part {part} is no video")
        indexed = indexed_of(subject, video)
        if subject.notes[WHOLE]:
            return _noted(indexed, range(len(indexed.container.pts)), Made("whole"))
        places = indexed.frames_of(TimeSpan(part, start_pts, end_pts, (base[0], base[1])))
        if len(places) < FEWEST_FRAMES:
            raise BadSample("too_short", f"{len(places)} frames")
        return _noted(indexed, places, self._made(indexed, places, f"{subject.sample.key}-{number}"))

    def _made(self, indexed: Indexed, places: range, stem: str) -> Made:
        clip = copied(indexed, places)
        how: Literal["copied", "encoded"] = "encoded" if clip is None else "copied"
        if clip is None and self.uncopied == "leave":
            raise BadSample("not_at_keyframes", "it does not begin at a keyframe, or needs frames outside of it")
        if clip is None and self.uncopied == "frames":
            shown = [
                (self._put(f"{stem}-{count:04d}.{clip_pictures.EXTENSION}", one.content), one)
                for count, one in enumerate(pictures(indexed, places, self.frames_per_s))
            ]
            sides = [side for _, one in shown for side in (one.width_px, one.height_px)]
            return Made("frames", [name for name, _ in shown], [one.shown_s for _, one in shown], sides)
        content = encoded(indexed, places) if clip is None else clip
        return Made(how, [self._put(f"{stem}.{clip_copy.EXTENSION}", content)])

    def _put(self, name: str, content: bytes) -> str:
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)
        return name


class Made(Struct, frozen=True):
    """How a span was cut, its files, and of pictures when each is shown and how large it is."""

    cut: Literal["copied", "encoded", "frames", "whole"]
    files: list[str] = []
    shown_s: list[float] = []
    sides_px: list[int] = []


class _Held:
    """The last video that was looked at, indexed."""

    def __init__(self) -> None:
        self._digest, self._indexed = "", list[Indexed]()

    def of(self, subject: Subject, video: Video) -> Indexed:
        if self._digest != video.digest:
            self._digest, self._indexed = "", []
            self._indexed = [index(subject.content(video), video.extension)]
            self._digest = video.digest
        return self._indexed[0]


def _noted(indexed: Indexed, places: range, made: Made) -> Noted:
    return Noted(
        {
            "cut": made.cut,
            "cut_start_pts": indexed.container.pts[places.start],
            "cut_end_pts": indexed.end_of(places.stop - 1),
            "cut_time_base": list(indexed.container.time_base),
            "cut_frames": len(places),
            "cut_s": seconds(indexed, places),
            "cut_files": list(made.files),
            "cut_shown_s": list(made.shown_s),
            "cut_sides_px": list(made.sides_px),
        }
    )
