"""Turns: how many questions a dialogue has that were answered, and how long both are."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.note import Noted
from schemas.vocabulary.dialogues import ANSWER_CHARS, CONTROL_CHARS, QUESTION_CHARS, TURNS

_ALLOWED = "\t\n\r"


class Turns(Annotator, frozen=True):
    """Counts answers and characters by role; a sample that is no dialogue has no turn."""

    writes: ClassVar = (TURNS, QUESTION_CHARS, ANSWER_CHARS, CONTROL_CHARS)

    @property
    def batch(self) -> int:
        return 1024

    def look(self, subject: Subject) -> Noted:
        texts = subject.sample.texts
        answers = [len(text.text) for text in texts if text.role == "assistant"]
        return Noted(
            {
                "turns": len(answers),
                "question_chars": sum(len(text.text) for text in texts if text.role == "user"),
                "answer_chars": sum(answers),
                "control_chars": sum(_control(text.text) for text in texts),
            }
        )


def _control(text: str) -> int:
    """Return how many control characters a text has besides line breaks and tabs."""
    return 0 if text.isprintable() else sum((mark < " " and mark not in _ALLOWED) or mark == "\x7f" for mark in text)
