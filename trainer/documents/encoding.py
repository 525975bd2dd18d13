"""Encoding: how a sample becomes a document, as two functions that agree, and the digest of everything they go by.

`length` says what `encode` will give, without decoding a picture where the sample's facts are enough. Both raise
BadSample for a sample that can be no document. Workers take an encoding with them, so it has to be picklable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from schemas.sample import Sample
from trainer.documents.document import Document

if TYPE_CHECKING:
    from trainer.documents.codec import Codec
    from trainer.documents.length import Length

Contents = Callable[[], Sequence[bytes]]
"""Reads the bytes of a sample's pictures and videos when it is called."""


class Encoding(NamedTuple):
    """How samples become documents; `rule` is the digest of tokenizer, template and picture rule."""

    rule: str
    length: Callable[[Sample, Contents], Length]
    encode: Callable[[Sample, Sequence[bytes]], Document]


def encoding_of(codec: Codec) -> Encoding:
    """Return the encoding of a codec."""
    return Encoding(codec.fingerprint, partial(_length, codec), partial(_encode, codec))


def _length(codec: Codec, sample: Sample, contents: Contents) -> Length:
    from trainer.documents.length import length, needs_contents

    return length(sample, codec, contents() if needs_contents(sample) else None)


def _encode(codec: Codec, sample: Sample, contents: Sequence[bytes]) -> Document:
    from trainer.documents.encode import encode

    return encode(sample, contents, codec)
