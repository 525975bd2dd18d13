"""Embedding a benchmark's pictures, by the annotator that a recipe looks with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Protocol

from msgspec import Struct

from annotators.annotator import Subject
from annotators.clip import Clip
from pipelines.recipes.value import annotator_id
from schemas.note import Noted
from schemas.sample import Image, Sample, Source

Vector = tuple[float, ...]


class Embed(Protocol):
    """Returns the embedding of each picture's bytes, empty for one that cannot be decoded."""

    def __call__(self, pictures: Sequence[bytes], /) -> list[Vector]: ...


class Embedding(Struct, frozen=True):
    """A model: what its notes are called by, and how it embeds."""

    by: str
    clip: Clip

    @classmethod
    def of(cls, weights: str, model: str) -> Embedding:
        """Raises BadInput where the weights do not load."""
        clip = Clip(model).given(weights)
        return cls(annotator_id(clip, ()), clip)

    @contextmanager
    def open(self) -> Iterator[Embed]:
        """Open the model and yield what embeds."""
        with self.clip.open() as look:

            def embed(pictures: Sequence[bytes]) -> list[Vector]:
                noted = [
                    one
                    for first in range(0, len(pictures), self.clip.batch)
                    for one in look([_subject(data) for data in pictures[first : first + self.clip.batch]])
                ]
                return [_vector(one) if isinstance(one, Noted) else () for one in noted]

            yield embed


def _subject(data: bytes) -> Subject:
    digest = sha256(data).hexdigest()
    sample = Sample("", (Image(digest, len(data), ""),), Source("", ""))
    return Subject(sample, "", (0,), {}, lambda _, offset, size_bytes: data[offset : offset + size_bytes])


def _vector(noted: Noted) -> Vector:
    found = noted.values["embedding"]
    assert isinstance(found, list)
    return tuple(float(value) for value in found)
