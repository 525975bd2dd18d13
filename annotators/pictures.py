"""Pictures: shape and format of every picture of a sample, without decoding them.

Lists called `picture_...` hold a value per picture, in the order of `picture_part`, the places of the pictures among
the parts. A filter that judges single pictures reads that too and leaves parts out; what was left out earlier is no
longer in the lists that it sees.
"""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from annotators.header import header_of
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.sample import Image
from schemas.vocabulary.pictures import (
    PICTURE_FORMAT,
    PICTURE_FRAMES,
    PICTURE_HEIGHT_PX,
    PICTURE_PART,
    PICTURE_WIDTH_PX,
)


class Pictures(Annotator, frozen=True):
    """A picture whose header cannot be read has width and height 0 and no format: it is the picture that is bad, not
    the document."""

    made_with: ClassVar = ("pillow",)
    writes: ClassVar = (PICTURE_PART, PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX, PICTURE_FORMAT, PICTURE_FRAMES)

    def look(self, subject: Subject) -> Noted:
        pictures = [(place, part) for place, part in subject.sample.media() if isinstance(part, Image)]
        read = [_header(subject, part) for _, part in pictures]
        return Noted(
            {
                "picture_part": [place for place, _ in pictures],
                "picture_width_px": [one[0] for one in read],
                "picture_height_px": [one[1] for one in read],
                "picture_format": [one[2] for one in read],
                "picture_frames": [one[3] for one in read],
            }
        )


def _header(subject: Subject, part: Image) -> tuple[int, int, str, int]:
    try:
        values = header_of(subject, part).values
    except BadSample:
        return 0, 0, "", 0
    return values["width_px"], values["height_px"], values["format"], values["frames"]  # type: ignore[return-value]
