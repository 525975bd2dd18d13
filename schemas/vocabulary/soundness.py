"""Soundness: whether a task's verifier pays what it should, and whether thinking leads anywhere."""

from __future__ import annotations

from schemas.vocabulary.name import Name

REFERENCE_REWARD = Name("reference_reward", "float64", "", "what a task's verifier pays its own reference", 0, 1)
WRONG_PAID = Name("wrong_paid", "uint32", "", "answers that are surely wrong and that the task's verifier calls right")
THOUGHT_CHARS = Name("thought_chars", "uint32", "code points", "characters of all thinking")
THOUGHT_REPEATED = Name("thought_repeated", "float64", "", "largest share of 400 words said before in them", 0, 1)
THOUGHT_DOUBTS = Name("thought_doubts", "uint32", "", "how often the thinking turns on itself: wait, ...")
THOUGHT_CONTRADICTS = Name("thought_contradicts", "bool", "", "the number that it ends with is not in the box")
