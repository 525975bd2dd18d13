"""TextEmbedding: where a sample's caption lies in the space of a model's text side, as a unit vector."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from msgspec import structs

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.text_encoder import BATCH, MADE_WITH, Encode, TextEncoder
from schemas.errors import BadSample
from schemas.form import caption_of
from schemas.note import Noted
from schemas.vocabulary.video_embeddings import TEXT_EMBEDDING

_DECIMALS = 6


class TextEmbedding(Annotator, frozen=True):
    """`checkpoint`: one of open_clip, weights of `model` or a folder with configuration and weights.

    A caption longer than the model reads is cut to that; a sample without a text has no vector, which is an empty list.
    """

    model: str = "ViT-B-32"
    checkpoint: str = ""

    writes: ClassVar = (TEXT_EMBEDDING,)
    made_with: ClassVar = MADE_WITH
    extra: ClassVar = "clip"

    @property
    def batch(self) -> int:
        return 8 * BATCH

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=60.0, memory_mib=8192)

    def given(self, weights: str) -> TextEmbedding:
        path = os.path.abspath(weights)
        return structs.replace(self, checkpoint=path, model="" if os.path.isdir(path) else self.model)

    def identity(self) -> TextEmbedding:
        return structs.replace(self, checkpoint="")

    def weights(self) -> tuple[str, ...]:
        """Return the digests of the checkpoint's files; raises BadInput where it is missing or does not load."""
        return self._encoder().digests(self.name)

    def _encoder(self) -> TextEncoder:
        return TextEncoder(self.checkpoint, self.model)

    @contextmanager
    def open(self) -> Iterator[Look]:
        encode = self._encoder().load()

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [*_noted([caption_of(subject.sample).strip() for subject in subjects], encode)]

        yield look


def _noted(captions: Sequence[str], encode: Encode) -> Iterator[Noted]:
    vectors = iter(encode([caption for caption in captions if caption]).round(_DECIMALS).tolist())
    for caption in captions:
        yield Noted({"text_embedding": next(vectors) if caption else []})
