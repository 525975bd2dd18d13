"""Picture hashes: the perceptual hash of every picture of a sample, whatever kind it is of.

Benchmarks are looked for by these alone, so a new benchmark decodes no picture but those that are near one of its own.
"""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Needs, Subject
from annotators.pixels import perceptual_hash
from annotators.small_rgb import small_rgb
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.sample import Image
from schemas.vocabulary.benchmarks import PHASH_PARTS, PHASHES

HASHED_SIDE_PX = 128


class PictureHashes(Annotator, frozen=True):
    """A picture that cannot be decoded, or has more than `most_mpx` million pixels, has no hash; the sample stays."""

    most_mpx: float = 200.0

    writes: ClassVar = (PHASHES, PHASH_PARTS)
    made_with: ClassVar = ("pillow", "numpy")

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=120.0)

    def look(self, subject: Subject) -> Noted:
        hashes: list[bool | int | float | str] = []
        places: list[bool | int | float | str] = []
        for place, part in subject.sample.media():
            if not isinstance(part, Image):
                continue
            try:
                rgb = small_rgb(subject.content(part), HASHED_SIDE_PX, self.most_mpx)
            except BadSample:
                continue
            hashes.append(perceptual_hash(rgb))
            places.append(place)
        return Noted({"phashes": hashes, "phash_parts": places})
