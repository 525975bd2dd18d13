"""Picture headers: the size of every picture of a sample, without decoding one."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Needs, Subject
from annotators.header import header_of
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.sample import Image
from schemas.vocabulary import PICTURE_HEIGHT_PX, PICTURE_PROBLEM, PICTURE_WIDTH_PX


class PictureHeaders(Annotator, frozen=True):
    """Reads what `Header` reads of the first picture, of each; one that cannot be read has a problem and no size, and
    the sample stays."""

    writes: ClassVar = (PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX, PICTURE_PROBLEM)
    made_with: ClassVar = ("pillow",)

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=120.0)

    def look(self, subject: Subject) -> Noted:
        sizes = list[tuple[int, int, str]]()
        for _, part in subject.sample.media():
            if not isinstance(part, Image):
                continue
            try:
                found = header_of(subject, part).values
                sizes.append((int(str(found["width_px"])), int(str(found["height_px"])), ""))
            except BadSample as bad:
                sizes.append((0, 0, bad.reason))
        columns = [list(column) for column in zip(*sizes, strict=True)] if sizes else [[], [], []]
        return Noted(dict(zip(("picture_width_px", "picture_height_px", "picture_problem"), columns, strict=True)))
