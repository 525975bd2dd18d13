"""A sheet: what people are asked about a sample in the editor, one value a layer of the desk.

Everything that is asked writes a note of its name. From this one value come the editor's configuration and the reading
of what it sends back, so that the two cannot disagree; a layer of one's own is a file with another sheet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Literal

import msgspec
from msgspec import Struct

NOT_SURE = "not_sure"
"""An option that writes no note: who is not sure has not answered."""
Shows = Literal["clip", "pictures", "words"]
"""What of the sample stands before the annotator: its video, its pictures in order, or its texts alone."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Choice(Struct, frozen=True, tag="choice"):
    """One of some options, or several of them; a note of a string, or of a list of strings."""

    name: str
    options: tuple[str, ...]
    says: str = ""
    several: bool = False
    required: bool = False


class Line(Struct, frozen=True, tag="line"):
    """Free text; a note of a string.

    `copied` is what stands in the sample, letter by letter: there two people are compared, and nowhere else in words.
    """

    name: str
    says: str = ""
    rows: int = 1
    required: bool = False
    copied: bool = False


class Grade(Struct, frozen=True, tag="grade"):
    """A grade from 1 to `most`; a note of an integer."""

    name: str
    most: int = 5
    says: str = ""
    required: bool = False


Field = Choice | Line | Grade


class Spans(Struct, frozen=True, tag="spans"):
    """Spans of time with a label each; a note of the label on the span, and of each field on the same span.

    The editor makes a span of one frame of a mere click: what is shorter than `least_frames` is refused.
    """

    name: str
    labels: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    says: str = ""
    least_frames: int = 2


class Tracks(Struct, frozen=True, tag="tracks"):
    """Boxes over time with a label each; a note of the label on the track, and of each field on the same track.

    Boxes at most `bridged` frames apart are one stretch; boxes that a straight line passes within `tolerance_px` are
    not sent as keyframes, of which a person should have few to move.
    """

    name: str
    labels: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    says: str = ""
    tolerance_px: float = 0.5
    bridged: int = 1


Places = Spans | Tracks
Asked = Field | Places


class Sheet(Struct, frozen=True):
    """What is asked, in order. Raises ValueError where it cannot be asked: a name twice, no label, an odd name."""

    name: str
    asked: tuple[Asked, ...]
    shows: Shows = "clip"
    version: int = 1

    def __post_init__(self) -> None:
        names = [*self.writes]
        odd = [name for name in (self.name, *names) if not _NAME.fullmatch(name)]
        if odd or not names:
            raise ValueError(f"names are snake_case, and there is one or more: {odd}")
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise ValueError(f"asked twice: {', '.join(twice)}")
        for one in self.asked:
            self._check(one)

    def _check(self, one: Asked) -> None:
        if isinstance(one, Spans | Tracks):
            if self.shows != "clip":
                raise ValueError(f"{one.name}: spans and tracks are asked of a clip alone")
            for field in one.fields:
                self._check(field)
        options = one.labels if isinstance(one, Spans | Tracks) else one.options if isinstance(one, Choice) else None
        if options is not None and (not options or len(set(options)) < len(options)):
            raise ValueError(f"{one.name}: it needs options, each of them once")

    @property
    def writes(self) -> tuple[str, ...]:
        """The names of the notes that it may write, in order."""
        return tuple(self._names())

    def _names(self) -> Iterator[str]:
        for one in self.asked:
            yield one.name
            if isinstance(one, Spans | Tracks):
                yield from (field.name for field in one.fields)

    @property
    def fingerprint(self) -> str:
        """The sheet's name with a digest of all that is asked: what was sent under another is of an older config."""
        return f"{self.name}@{sha256(msgspec.json.encode(self)).hexdigest()[:10]}"
