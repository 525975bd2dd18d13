"""MinHash: a signature of a sample's words, so that texts which share most of them are found without comparing all.

A shingle is a run of `words` words, hashed to 32 bits; 112 permutations of the numbers of 64 bits, h -> a h + b with an
odd a, each give the sample its smallest value by the upper half, of which the low 16 bits are noted. Two samples agree
in a place with the probability of their Jaccard similarity J, and otherwise by chance once in 65,536. The upper half of
a product depends on all of h; a prime modulus would serve as well and costs several times as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from annotators.annotator import Annotator, Look, Subject
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary.compared import MINHASH


class MinHash(Annotator, frozen=True):
    """Words are runs of letters and digits of all texts, one after another, case folded; fewer than `words` of them are
    one shingle, and of no word there is no signature. Raises ValueError where `words` is not 1 or more.

    A language without spaces between words has few words and long ones: there only equal sentences agree.
    """

    words: int = 5

    writes: ClassVar = (MINHASH,)
    version: ClassVar = 2

    def __post_init__(self) -> None:
        if self.words < 1:
            raise ValueError(f"words must be 1 or more, not {self.words}")

    @property
    def batch(self) -> int:
        return 1024

    def seed(self, subject: Subject) -> int:
        """Return a number of 64 bits: texts of different seeds share no shingle."""
        del subject
        return 0

    @contextmanager
    def open(self) -> Iterator[Look]:
        from annotators.minima import Minima

        minima = Minima(self.words)

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            texts = [" ".join([text.text for text in subject.sample.texts]).casefold() for subject in subjects]
            values_NP, said = minima.signatures(texts, [self.seed(subject) for subject in subjects])
            return [
                Noted({"minhash": values if there else []})
                for values, there in zip(values_NP.tolist(), said.tolist(), strict=True)
            ]

        yield look
