"""MinHash: a signature of a sample's words, so that texts which share most of them are found without comparing all.

A shingle is a run of `words` words. h = the first 61 bits of its BLAKE2b of 8 bytes; 112 permutations of the numbers
below p = 2^61 - 1, h -> (a h + b) mod p, each give the sample its smallest value, of which the low 16 bits are noted.
Two samples agree in a place with the probability of their Jaccard similarity J, and otherwise by chance once in 65,536.
A prime modulus makes the low bits depend on all of h; shifting instead of it would be a little faster, but there the
low bits of a product depend on the low bits of h alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b, sha256
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from annotators.annotator import Annotator, Look, Subject
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary import MINHASH, SIGNATURE_PLACES

PRIME = 2**61 - 1
_SEED = "ostraka minhash"
_WORD = re.compile(r"\w+")


class MinHash(Annotator, frozen=True):
    """Words are runs of letters and digits of all texts, one after another, case folded; fewer than `words` of them are
    one shingle, and of no word there is no signature. Raises ValueError where `words` is not 1 or more.

    A language without spaces between words has few words and long ones: there only equal sentences agree.
    """

    words: int = 5

    writes: ClassVar = (MINHASH,)

    def __post_init__(self) -> None:
        if self.words < 1:
            raise ValueError(f"words must be 1 or more, not {self.words}")

    @property
    def batch(self) -> int:
        return 1024

    @contextmanager
    def open(self) -> Iterator[Look]:
        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            found = [self.shingles(" ".join(text.text for text in subject.sample.texts)) for subject in subjects]
            signed = iter(signatures([shingles for shingles in found if shingles]).tolist())
            return [Noted({"minhash": next(signed) if shingles else []}) for shingles in found]

        yield look

    def shingles(self, text: str) -> list[str]:
        """Return the runs of words of a text, in order."""
        words = _WORD.findall(text.casefold())
        if len(words) <= self.words:
            return [" ".join(words)] if words else []
        return [" ".join(words[at : at + self.words]) for at in range(len(words) - self.words + 1)]


def signatures(shingles_of_each: Sequence[Sequence[str]]) -> NDArray[np.uint16]:
    """Return a row of SIGNATURE_PLACES values for each list of shingles, none of which is empty."""
    found_NP = np.empty((len(shingles_of_each), SIGNATURE_PLACES), np.uint16)
    if not shingles_of_each:
        return found_NP
    digests = (blake2b(one.encode(), digest_size=8).digest() for shingles in shingles_of_each for one in shingles)
    hashes_S = np.frombuffer(b"".join(digests), ">u8").astype(np.uint64) >> np.uint64(3)
    starts_N = np.cumsum([0, *map(len, shingles_of_each[:-1])])
    for place, (a, b) in enumerate(permutations()):
        found_NP[:, place] = np.minimum.reduceat(permuted(hashes_S, a, b), starts_N).astype(np.uint16)
    return found_NP


def permutations() -> Iterator[tuple[int, int]]:
    """Yield a (1 to 2^32 - 1) and b (below PRIME) of each permutation, from SHA-256(seed, NUL, place)."""
    for place in range(SIGNATURE_PLACES):
        drawn = sha256(f"{_SEED}\0{place}".encode()).digest()
        yield 1 + int.from_bytes(drawn[:8], "big") % (2**32 - 1), int.from_bytes(drawn[8:16], "big") % PRIME


def permuted(hashes: NDArray[np.uint64], a: int, b: int) -> NDArray[np.uint64]:
    """Return (a h + b) mod PRIME for h below 2^61 and a below 2^32, in 64 bits.

    h = high 2^32 + low, so both products fit; 2^61 is 1 mod PRIME, so what lies above bit 60 is added below.
    """
    high, low = (hashes >> 32) * a, (hashes & (2**32 - 1)) * a
    total = (high >> 29) + ((high & (2**29 - 1)) << 32) + (low >> 61) + (low & PRIME) + b
    total = (total >> 61) + (total & PRIME)
    found: NDArray[np.uint64] = np.minimum(total, total - PRIME)
    return found
