"""An annotator that names an embedding: the bench makes its notes, and no model is behind it."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator
from schemas.vocabulary import Name


class Embedding(Annotator, frozen=True):
    """Stands where a recipe's embedding annotator stands."""

    writes: ClassVar = (Name("embedding", "list<float32>", "", "64 values, of length 1"),)
