"""Made captions: words by the frequency of real ones, as many texts and words as real samples have; and their notes.

Of texts that are near copies (for MinHash) and of embeddings (clustered) everything is assumed.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.scale.columns import glued, lists
from bench.scale.drawn import Numbers, below, bits, choice, fractions, quantile
from bench.scale.real import Real

NEAR, REPLACED = 0.08, 0.1
"""Share of texts that are near copies, and of a copy's values that differ."""

RARE = 0.05
"""Share of concepts that are any of the vocabulary, as likely; the others are those that real samples name."""

MINHASHES, DIMENSIONS, CENTRES = 112, 64, 1000
_MOST_TEXTS, _PRIME = 8, 2_654_435_761


class Texts:
    """The texts of some rows."""

    def __init__(self, rows: Numbers, count: int, real: Real) -> None:
        self._rows, self._count, self._real = rows, count, real
        self.count = choice(rows, "texts", real.texts) + 1

    @cached_property
    def flat(self) -> pa.Array:
        """Every text, row after row."""
        before = np.repeat(np.cumsum(self.count) - self.count, self.count)
        nth = np.arange(len(before)) - before
        text = np.repeat(self._rows, self.count) * np.uint64(_MOST_TEXTS) + nth.astype(np.uint64)
        length = np.maximum(1, np.rint(quantile(text, "words", self._real.words_a_text))).astype(np.int64)
        place = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        number = np.repeat(text, length) * np.uint64(1 << 12) + place.astype(np.uint64)
        words = pa.array(list(self._real.words), pa.string())
        chosen = words.take(pa.array(choice(number, "word", tuple(self._real.words.values()))))
        return pc.binary_join(lists(length, chosen), " ")

    @cached_property
    def chars(self) -> pa.Array:
        """The length of each text, a list a row."""
        return lists(self.count, pc.utf8_length(self.flat).cast(pa.uint32()))

    @cached_property
    def parts(self) -> pa.Array:
        """The place of each text among the parts, behind one picture, a list a row."""
        before = np.repeat(np.cumsum(self.count) - self.count, self.count)
        return lists(self.count, (np.arange(len(before)) - before + 1).astype(np.uint16))

    @cached_property
    def json(self) -> pa.Array:
        """The texts of each row as a catalogue's JSON has them."""
        return pc.binary_join(
            lists(self.count, glued('{"kind":"text","text":"', self.flat, '","role":"caption"}')), ","
        )


def concepts(rows: Numbers, real: Real) -> pa.Array:
    """Return the concepts that each row names, ascending, none twice; the frequent ones are all over the vocabulary."""
    length = choice(rows, "concepts", real.concepts)
    place = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    number = np.repeat(rows, length) * np.uint64(1 << 10) + place.astype(np.uint64)
    named = quantile(number, "concept", real.concept_ranks)
    rank = np.where(fractions(number, "rare") < RARE, below(number, "any", real.vocabulary), named).astype(np.int64)
    owner = np.repeat(np.arange(len(rows)), length)
    entry = rank * _PRIME % real.vocabulary
    both = np.unique(owner << 32 | entry)
    return lists(np.bincount(both >> 32, minlength=len(rows)), (both & 0xFFFFFFFF).astype(np.uint32))


def minhashes(rows: Numbers, count: int) -> pa.Array:
    """Return the values of a MinHash a row; a near copy's are another row's, one in ten replaced."""
    others = below(rows, "near text", count).astype(np.uint64)
    copies = fractions(rows, "near copy") < NEAR
    own, told = _values(rows), _values(np.where(copies, others, rows))
    replaced = _octets(rows, "replaced", MINHASHES) < round(256 * REPLACED)
    values = np.where(copies[:, None] & replaced, own, told)
    return lists(np.full(len(rows), MINHASHES), values.ravel())


def _values(texts: Numbers) -> NDArray[np.uint16]:
    return _octets(texts, "minhash", 2 * MINHASHES).view(np.uint16)


def _octets(numbers: Numbers, what: str, width: int) -> NDArray[np.uint8]:
    """Return `width` random bytes, a multiple of 8, for each number."""
    places = numbers[:, None] * np.uint64(64) + np.arange(width // 8, dtype=np.uint64)
    return bits(places, what).view(np.uint8).reshape(len(numbers), width)


def embeddings(rows: Numbers, count: int) -> pa.Array:
    """Return an embedding a row, of length 1: one of many centres and noise; a near copy's is close to another's."""
    others = below(rows, "near meaning", count).astype(np.uint64)
    copies = fractions(rows, "meaning copied") < NEAR
    meant = np.where(copies, others, rows)
    centres = below(meant, "centre", CENTRES).astype(np.uint64)
    values = _even(centres, "centre of meaning") + 0.7 * _even(meant, "meaning")
    values += np.where(copies[:, None], 0.05, 0.0) * _even(rows, "little")
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return lists(np.full(len(rows), DIMENSIONS), values.astype(np.float32).ravel())


def _even(numbers: Numbers, what: str) -> NDArray[np.float64]:
    """Return values between -1 and 1, one a dimension."""
    return _octets(numbers, what, 2 * DIMENSIONS).view(np.uint16) / 32767.5 - 1
