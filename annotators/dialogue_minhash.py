"""MinHash of dialogues: the same words asked of another picture are another dialogue.

A shingle is a run of words with the digests of all pictures and clips before it. So dialogues are compared by their
words where they show the same, and share nothing where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from annotators.annotator import Look, Subject
from annotators.minhash import MinHash, signatures
from schemas.errors import BadSample
from schemas.note import Noted


class DialogueMinHash(MinHash, frozen=True):
    """As MinHash, over all texts of a dialogue beside what it shows."""

    @contextmanager
    def open(self) -> Iterator[Look]:
        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            found = [self._of(subject) for subject in subjects]
            signed = iter(signatures([shingles for shingles in found if shingles]).tolist())
            return [Noted({"minhash": next(signed) if shingles else []}) for shingles in found]

        yield look

    def _of(self, subject: Subject) -> list[str]:
        shown = " ".join(part.digest for _, part in subject.sample.media())
        said = " ".join(text.text for text in subject.sample.texts)
        return [f"{shown} {shingle}" for shingle in self.shingles(said)]
