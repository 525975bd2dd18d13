"""A scorer: what a reward model is to those that ask it, a number from 0 to 1 for an answer to a question."""

from __future__ import annotations

from typing import Protocol


class Scorer(Protocol):
    """Scores an answer segment; it never sees any thinking."""

    def score(self, question: str, answer: str) -> float:
        """Return from 0 to 1, 1 the best."""
        ...
