"""Encoding: how a sample becomes a document, as two functions that agree, and the digest of everything they go by.

`length` says what `encode` will give, without decoding a picture where the sample's facts are enough. Both raise
BadSample for a sample that can be no document. Workers take an encoding with them, so it has to be picklable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.sample import Sample
from trainer.document import Document

Contents = Callable[[], Sequence[bytes]]
"""Reads the bytes of a sample's pictures and videos when it is called."""


class Length(NamedTuple):
    """What a document counts: `kind` is one of pool.KINDS; `patches_squared` is summed over its pictures and slices."""

    kind: str
    tokens: int
    targets: int
    patches: int
    patches_squared: int


class Encoding(NamedTuple):
    """How samples become documents; `rule` is the digest of tokenizer, template and picture rule."""

    rule: str
    length: Callable[[Sample, Contents], Length]
    encode: Callable[[Sample, Sequence[bytes]], Document]
