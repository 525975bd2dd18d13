"""A sample: its key, its parts in order, and where it came from.

Facts are never null, so that every reader of a shard infers one type for them: an empty string or a zero means
that nobody has stated it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from msgspec import Struct, json


class Text(Struct, frozen=True, tag="text", tag_field="kind"):
    """Text of a sample; `role` says what it is to the rest (caption, alt, label, ...)."""

    text: str
    role: str = "caption"


class Image(Struct, frozen=True, tag="image", tag_field="kind"):
    """A picture by the SHA-256 of its original bytes; width and height as stored, before EXIF orientation."""

    digest: str
    size_bytes: int
    extension: str
    width_px: int = 0
    height_px: int = 0


class Video(Struct, frozen=True, tag="video", tag_field="kind"):
    """A video by the SHA-256 of its original bytes."""

    digest: str
    size_bytes: int
    extension: str
    duration_s: float = 0.0


Media = Image | Video
Part = Text | Image | Video
DOCUMENT_ROLES = frozenset(("paragraph", "heading"))
"""Texts that make a sample with pictures a document: what it is lies in their order, not in one picture."""


class Source(Struct, frozen=True):
    """Where a sample came from: `row` is its path or id relative to the source's root, `meta` the source's own JSON."""

    dataset: str
    row: str
    uri: str = ""
    licence: str = ""
    parent: str = ""
    meta: str = ""


class Sample(Struct, frozen=True, omit_defaults=True):
    """One sample; `key` is 32 hex digits, given once at the door.

    `people` is what people at a desk say of it, as an export that was made since tells it: words as JSON, `[]` where
    nobody was asked (`schemas/people.py`). Elsewhere it is empty, and in no JSON.
    """

    key: str
    parts: tuple[Part, ...]
    source: Source
    people: str = ""

    @property
    def texts(self) -> tuple[Text, ...]:
        return tuple(part for part in self.parts if isinstance(part, Text))

    @property
    def is_document(self) -> bool:
        """Say whether this is a document of pictures between paragraphs, not a picture with words about it."""
        return any(text.role in DOCUMENT_ROLES for text in self.texts) and any(True for _ in self.media())

    def media(self) -> Iterator[tuple[int, Media]]:
        """Yield the place among the parts, and the part, of each picture and video."""
        for place, part in enumerate(self.parts):
            if not isinstance(part, Text):
                yield place, part


def part_digest(part: Part) -> str:
    """Return the SHA-256 of a part's bytes (of its UTF-8 for text), in hex."""
    return sha256(part.text.encode()).hexdigest() if isinstance(part, Text) else part.digest


def joint_digest(digests: Sequence[str]) -> str:
    """Return the only digest, or one over all of them in order; zeros where there is none."""
    if len(digests) > 1:
        return sha256("".join(digests).encode()).hexdigest()
    return digests[0] if digests else "0" * 64


def key_of(dataset: str, row: str, digests: tuple[str, ...] = ()) -> str:
    """Return the first 128 bits of a SHA-256 over dataset, row and the parts' digests, as 32 hex digits.

    Each field is preceded by its length, so that no two different inputs are hashed as the same bytes.
    """
    seen = sha256()
    for field in (dataset, row, *digests):
        data = field.encode()
        seen.update(len(data).to_bytes(8, "big") + data)
    return seen.hexdigest()[:32]


def to_json(sample: Sample) -> bytes:
    """Return the one JSON form of a sample: same fields, same order, no nulls."""
    return json.encode(sample)


def from_json(data: bytes | str) -> Sample:
    """Read a sample back; raises msgspec.ValidationError, which names the place (`$.parts[0].width_px`)."""
    return json.decode(data, type=Sample)


def from_columns(key: str, parts: str, source: Source) -> Sample:
    """Build a sample from a catalogue's columns, its parts as the JSON list that the catalogue holds."""
    return Sample(key, json.decode(parts, type=tuple[Part, ...]), source)


def parts_json(sample: Sample) -> str:
    """Return the parts as the JSON list that a catalogue holds."""
    return json.encode(sample.parts).decode()
