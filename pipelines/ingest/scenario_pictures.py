"""Pictures as a scenario's endpoint takes them, made by an annotator so that the guard can hold it.

What lists a shelf decodes pictures of others: one that bloats, hangs or kills its decoder is then a failed row, never
the end of the listing.
"""

from __future__ import annotations

import base64
from typing import ClassVar

from msgspec import structs

from annotators.annotator import Annotator, Subject
from annotators.rewriter import jpeg_of
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.ingest.parents import Parent
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadSample
from schemas.note import Failed, Noted
from schemas.vocabulary import Name


class EndpointPicture(Annotator, frozen=True):
    """Makes a JPEG of a picture, upright, its sides at most `side_px`."""

    side_px: int
    writes: ClassVar = (Name("endpoint_picture", "string", "", "a JPEG in base64"),)

    def look(self, subject: Subject) -> Noted:
        return Noted({"endpoint_picture": base64.b64encode(jpeg_of(subject.content(), self.side_px)).decode()})


def picture_urls(guard: Guard, shelf: Shelf, parent: Parent) -> list[str]:
    """Return a data: URL of each picture of a sample, through a guard that holds EndpointPicture.

    Raises BadSample where one cannot be had.
    """
    requests = [
        Request(structs.replace(parent.sample, parts=(part,)), shelf.media_url(ref.url), (ref.offset,))
        for (_, part), ref in zip(parent.sample.media(), parent.refs, strict=True)
    ]
    made = list(guard.look(requests))
    for one in made:
        if isinstance(one, Failed):
            raise BadSample(one.reason, one.detail)
    return [f"data:image/jpeg;base64,{one.values['endpoint_picture']}" for one in made if isinstance(one, Noted)]
