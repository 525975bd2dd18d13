"""Length: what a sample will cost, from its stated facts, without decoding a pixel.

A picture's width and height decide; where nobody stated them, and for every clip, whose frames a shard does not count,
the header of its bytes is read. Whether an EXIF turn swaps the sides makes no difference to any count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.errors import BadInput
from schemas.kind import kind_of
from schemas.sample import Image, Media, Sample, Video
from trainer.documents.clip_frames import clip_facts, look_at
from trainer.documents.codec import Codec
from trainer.documents.layout import Medium, lay_out
from trainer.documents.picture import grid_of, size_of


class Length(NamedTuple):
    """The counts of a document that a plan and a balance of ranks need."""

    kind: str
    tokens: int
    targets: int
    patches: int
    patches_squared: int
    """The sum over its pictures of the square of their patches: what attention in the tower grows with."""


def needs_contents(sample: Sample) -> bool:
    """Whether a sample's length takes the bytes of its media, and not only its facts."""
    return any(isinstance(part, Video) or not (part.width_px and part.height_px) for _, part in sample.media())


def length(sample: Sample, codec: Codec, contents: Sequence[bytes] | None = None) -> Length:
    """Return the counts that `encode` will find; raises BadSample where it would, for what a header shows."""
    said = list(sample.media())
    held: Sequence[bytes | None] = [None] * len(said) if contents is None else contents
    media = {
        place: _medium(part, content, place, sample.key, codec)
        for (place, part), content in zip(said, held, strict=True)
    }
    laid = lay_out(sample, codec, media)
    patches = laid.grids_N3.prod(axis=1).tolist()
    return Length(
        kind=kind_of(sample),
        tokens=len(laid.tokens_T),
        targets=int(laid.is_target_T.sum()),
        patches=sum(patches),
        patches_squared=sum(count * count for count in patches),
    )


def _medium(part: Media, content: bytes | None, place: int, key: str, codec: Codec) -> Medium:
    if isinstance(part, Image) and part.width_px and part.height_px:
        return grid_of(part.height_px, part.width_px, codec.picture)
    if content is None:
        raise BadInput("its size is not stated", where=f"sample {key}, $.parts[{place}]", remedy="give its bytes")
    if isinstance(part, Video):
        return look_at(clip_facts(content), codec.clip)
    width_px, height_px = size_of(content)
    return grid_of(height_px, width_px, codec.picture)
