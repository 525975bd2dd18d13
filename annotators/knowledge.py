"""Knowledge: how likely each picture of a sample was drawn to explain, as charts, diagrams, schematics and maps are.

A small head on cheap features of the picture (drawing_features.py), or on a model's vectors where it was fitted on
them; `ostraka fit knowledge` makes one. Some 30 ms a picture, most of it the decode.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from math import isnan, nan
from typing import ClassVar

import numpy as np
from msgspec import structs

from annotators.annotator import Annotator, Needs, Subject
from annotators.knowledge_features import drawn_of
from annotators.knowledge_head import EMBEDDING, SHIPPED, Head, read_head
from schemas.errors import Unavailable
from schemas.note import Noted
from schemas.sample import Image
from schemas.vocabulary.documents import EMBEDDINGS, KNOWLEDGE_VALUE, PICTURE_KNOWLEDGE

_DECIMALS = 4


class Knowledge(Annotator, frozen=True):
    """`head`: a path, empty for the one that comes with ostraka; a head on vectors stands behind `Relevance`.

    A picture that cannot be decoded, or has more than `most_mpx` million pixels, has NaN; the sample stays.
    """

    head: str = ""
    most_mpx: float = 200.0

    writes: ClassVar = (PICTURE_KNOWLEDGE, KNOWLEDGE_VALUE)
    made_with: ClassVar = ("pillow", "numpy")

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        """The model's vectors, where the head was fitted on them."""
        return (EMBEDDINGS.name,) if self.head and read_head(self.head).reads == EMBEDDING else ()

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=300.0)

    def given(self, weights: str) -> Knowledge:
        return structs.replace(self, head=os.path.abspath(weights))

    def identity(self) -> Knowledge:
        return structs.replace(self, head="")

    def weights(self) -> tuple[str, ...]:
        """Return the digest of the head; raises BadInput where it is none."""
        read_head(self.head)
        with open(self.head or SHIPPED, "rb") as file:
            return (sha256(file.read()).hexdigest(),)

    def look(self, subject: Subject) -> Noted:
        head = read_head(self.head)
        parts = [part for _, part in subject.sample.media() if isinstance(part, Image)]
        found = (
            _of_vectors(head, subject.notes[EMBEDDINGS.name], len(parts))
            if head.reads == EMBEDDING
            else [self._of_picture(head, subject.content(part)) for part in parts]
        )
        known = [value for value in found if not isnan(value)]
        return Noted({"picture_knowledge": [*found], "knowledge_value": max(known, default=0.0)})

    def _of_picture(self, head: Head, data: bytes) -> float:
        features_F = drawn_of(data, self.most_mpx)
        return nan if features_F is None else round(head.probability(features_F), _DECIMALS)


def _of_vectors(head: Head, embeddings: Sequence[float], count: int) -> list[float]:
    """Return the value of each picture by its vector, NaN for one of zeros, which could not be decoded."""
    vectors_ND = np.asarray(embeddings, np.float64).reshape(count, -1)
    if count and vectors_ND.shape[1] != len(head.lines):
        raise Unavailable(
            f"vectors of {vectors_ND.shape[1]} numbers for a head of {len(head.lines)}",
            where="annotator knowledge",
            remedy="give the model that the head was fitted on",
        )
    return [round(head.probability(one_D), _DECIMALS) if one_D.any() else nan for one_D in vectors_ND]
