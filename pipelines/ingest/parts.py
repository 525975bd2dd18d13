"""Parts: what a row's bytes and texts become, and what copies of a sample have in common."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from schemas.errors import BadSample
from schemas.sample import Image, Media, Part, Sample, Text, Video, joint_digest, part_digest
from schemas.sniff import HEAD_BYTES, PICTURES, beginning, sniff


def identity(sample: Sample) -> str:
    """Return what copies of a sample have in common: of a document the digests of all its parts, else those of its
    pictures and videos, of its texts where there are none."""
    media = [part for _, part in sample.media()]
    return joint_digest([part_digest(part) for part in (sample.parts if sample.is_document else media or sample.parts)])


def in_order(media: Sequence[Media], texts: Sequence[Text], texts_before: Sequence[int]) -> list[Part]:
    """Return media and texts as they stand: each medium behind as many texts as stand before it, else before all."""
    parts, told = list[Part](), 0
    for place, medium in enumerate(media):
        before = texts_before[place] if place < len(texts_before) else told
        parts += [*texts[told:before], medium]
        told = before
    return [*parts, *texts[told:]]


def media_of(name: str, content: bytes) -> Media:
    """Return a picture or video by how its bytes begin; raises BadSample where they begin like neither."""
    if not content:
        raise BadSample("empty_file", f"{name} has no bytes")
    extension = sniff(content[:HEAD_BYTES])
    if not extension:
        raise BadSample("unknown_format", f"{name} begins with {beginning(content)!r}")
    kind = Image if extension in PICTURES else Video
    return kind(sha256(content).hexdigest(), len(content), extension)


def utf8(data: bytes, name: str) -> str:
    """Return a text file's text; raises BadSample("text_not_utf8")."""
    try:
        return data.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise BadSample("text_not_utf8", f"{name}: {error.reason} at byte {error.start}") from None
