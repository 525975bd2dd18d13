"""Dialogues: how much is asked and answered, and what it is about."""

from __future__ import annotations

from schemas.vocabulary.name import Name

TURNS = Name("turns", "uint32", "", "answers in a dialogue, none in what is no dialogue")
QUESTION_CHARS = Name("question_chars", "uint64", "characters", "length of all its questions")
ANSWER_CHARS = Name("answer_chars", "uint64", "characters", "length of all its answers")
CONTROL_CHARS = Name("control_chars", "uint32", "", "control characters in all texts besides line breaks and tabs")

CATEGORY = Name("category", "string", "", "the category of a taxonomy that a dialogue's questions are of")
CATEGORY_BY = Name("category_by", "string", "", "what placed it: rule, embedding, endpoint, or undecided")
CATEGORY_SIMILARITY = Name(
    "category_similarity", "float64", "cosine", "with the nearest category, NaN where no embedding was looked at", -1, 1
)
