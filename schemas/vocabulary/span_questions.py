"""Questions about spans of a video, as sources bring them."""

from __future__ import annotations

from schemas.vocabulary.name import Name

SPAN_QUESTION = Name("span_question", "string", "", "a question about what a time span shows, a note on it")
SPAN_ANSWER = Name("span_answer", "string", "", "the answer to it, on the same span")
