"""The minima of texts' shingles under permutations, compiled by numba: no string is made for a word or a shingle.

All arithmetic is modulo 2^64, and x' = x ^ x >> 32 after each step. A word: x = 0, and for each of its characters c
x = (x ^ c) * WORD. A shingle: x = the text's seed, and for each of its words w x = (x ^ w) * SHINGLE; h = its high 32
bits. A permutation: a h + b, of which the high 32 bits count. A hundred words take some four microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.compiled import compiled
from schemas.vocabulary.compared import SIGNATURE_PLACES

WORD, SHINGLE = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
_SEED = "ostraka minhash"
_W, _S, _HALF = np.uint64(WORD), np.uint64(SHINGLE), np.uint64(32)
_MOST = np.uint64(2**64 - 1)
_FEW_WORDS = 1024


class Minima:
    """Signs texts by runs of so many words."""

    def __init__(self, words: int) -> None:
        self._words, self._in_words = words, in_words()
        self._a, self._b = (np.array(one, np.uint64) for one in zip(*permutations(), strict=True))

    def signatures(self, texts: Sequence[str], seeds: Sequence[int]) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
        """Return SIGNATURE_PLACES values for each text, and whether there is a word in it, without which they say
        nothing."""
        letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
        values_NP = np.zeros((len(texts), SIGNATURE_PLACES), np.uint16)
        said = np.zeros(len(texts), np.bool_)
        told = np.fromiter(seeds, np.uint64, len(texts))
        _sign(letters, ends, told, self._in_words, self._words, self._a, self._b, values_NP, said)
        return values_NP, said


def in_words() -> NDArray[np.bool_]:
    """Return, for every character there is, whether it is one of a word: what `\\w` matches."""
    everything = np.arange(0x110000, dtype=np.uint32)
    found: NDArray[np.bool_] = np.strings.isalnum(everything.view("<U1"))
    found[ord("_")] = True
    return found


def permutations() -> list[tuple[int, int]]:
    """Return an odd a and any b of 64 bits for each place, from SHA-256(seed, NUL, place)."""
    drawn = [sha256(f"{_SEED}\0{place}".encode()).digest() for place in range(SIGNATURE_PLACES)]
    return [(int.from_bytes(one[:8], "big") | 1, int.from_bytes(one[8:16], "big")) for one in drawn]


@compiled
def _sign(letters: Any, ends: Any, seeds: Any, in_words: Any, n: Any, a: Any, b: Any, values: Any, said: Any) -> None:
    """Write the signature of each text, and whether it has one."""
    words = np.empty(_FEW_WORDS, np.uint64)
    least = np.empty(SIGNATURE_PLACES, np.uint64)
    begin = 0
    for text in range(len(ends)):
        if (ends[text] - begin) // 2 + 1 > len(words):
            words = np.empty((ends[text] - begin) // 2 + 1, np.uint64)
        count = _words(letters, begin, ends[text], in_words, words)
        begin = ends[text]
        if count == 0:
            continue
        said[text] = True
        least[:] = _MOST
        run = min(n, count)
        for first in range(count - run + 1):
            _lower(_shingle(words, first, run, seeds[text]), a, b, least)
        for place in range(SIGNATURE_PLACES):
            values[text, place] = np.uint16(least[place] & np.uint64(0xFFFF))


@compiled
def _words(letters: Any, begin: Any, end: Any, in_words: Any, words: Any) -> int:
    """Write a number for each word between two places, and return how many there are."""
    count, inside, word = 0, False, np.uint64(0)
    for at in range(begin, end):
        letter = letters[at]
        if in_words[letter]:
            word = (word ^ np.uint64(letter)) * _W
            word ^= word >> _HALF
            inside = True
        elif inside:
            words[count] = word
            count, inside, word = count + 1, False, np.uint64(0)
    if inside:
        words[count] = word
        count += 1
    return count


@compiled
def _shingle(words: Any, first: Any, run: Any, seed: Any) -> Any:
    found = seed
    for at in range(first, first + run):
        found = (found ^ words[at]) * _S
        found ^= found >> _HALF
    return found >> _HALF


@compiled
def _lower(shingle: Any, a: Any, b: Any, least: Any) -> None:
    for place in range(SIGNATURE_PLACES):
        least[place] = min(least[place], (a[place] * shingle + b[place]) >> _HALF)
