"""SpanCaptions: what each span of a video shows, in the words of a model that sees frames of it and their times.

A span is a shot, or part of one that is long. An answer that is no caption (a refusal, cut off, markup) leaves its span
without one, and the status says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import ClassVar

from annotators.asked_spans import MADE_WITH, NOT_ASKED, AskedSpans, Film
from annotators.container import Container
from annotators.journal import Answer
from annotators.rewriter import tidy, unusable
from annotators.sampled import pieces
from schemas.note import Note, Noted
from schemas.vocabulary import span_captions as names
from schemas.vocabulary.shots import SHOT_FIRST_FRAMES

CAPTIONED = "captioned"
INSTRUCTIONS = (
    "You see frames of one span of a video, each after the time at which it is shown. Write one factual paragraph "
    "that says what happens in the span, in its order: who or what is seen, what is done, where, and what the camera "
    "does. Copy text that can be read in the frames as it is written. Do not guess at what the frames do not show, and "
    "do not speak of frames. Answer with the paragraph alone."
)


class SpanCaptions(AskedSpans, frozen=True):
    """A shot that lasts longer than `longest_s` is captioned in parts that last the same."""

    instructions: str = INSTRUCTIONS
    longest_s: float = 30.0

    reads: ClassVar = (SHOT_FIRST_FRAMES.name,)
    writes: ClassVar = (names.SPAN_CAPTIONS, names.SPAN_CAPTION_STATUS)
    places: ClassVar = (names.SPAN_CAPTION,)
    made_with: ClassVar = MADE_WITH
    extra: ClassVar = "endpoint,video"

    def system(self) -> str:
        return self.instructions

    def spans(self, container: Container, shots: Sequence[int]) -> list[tuple[int, int]]:
        found = list[tuple[int, int]]()
        for first, end in zip(shots, [*shots[1:], len(container.pts)], strict=True):
            at = container.span(0, first, end)
            count = ceil(container.seconds(at.end_pts - at.start_pts) / self.longest_s)
            found += [(piece.first, piece.end) for piece in pieces(container, first, end, count)]
        return found

    def noted(self, film: Film, answers: Sequence[Answer | None], counts: dict[str, int]) -> Noted:
        statuses = [_status(answer) for answer in answers]
        captions = [
            tidy(answer.text) if answer and status == CAPTIONED else ""
            for answer, status in zip(answers, statuses, strict=True)
        ]
        notes = [
            Note(names.SPAN_CAPTION.name, caption, span.at)
            for span, caption in zip(film.spans, captions, strict=True)
            if caption
        ]
        return Noted(
            {"span_captions": [*captions], "span_caption_status": [*statuses]},
            tuple(notes),
            {**Counter(statuses), **counts},
        )


def _status(answer: Answer | None) -> str:
    return NOT_ASKED if answer is None else unusable(answer, tidy(answer.text)) or CAPTIONED
