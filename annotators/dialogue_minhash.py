"""MinHash of dialogues: the same words asked of another picture are another dialogue.

A shingle is a run of words with the digests of all pictures and clips before it. So dialogues are compared by their
words where they show the same, and share nothing where they do not.
"""

from __future__ import annotations

from hashlib import blake2b

from annotators.annotator import Subject
from annotators.minhash import MinHash


class DialogueMinHash(MinHash, frozen=True):
    """As MinHash, over all texts of a dialogue beside what it shows."""

    def seed(self, subject: Subject) -> int:
        shown = " ".join(part.digest for _, part in subject.sample.media())
        return int.from_bytes(blake2b(shown.encode(), digest_size=8).digest(), "big") if shown else 0
