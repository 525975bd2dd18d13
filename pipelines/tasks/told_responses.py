"""Told responses: the answers that a task's source brought with it, as the notes that a model's answers become."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.errors import BadSample
from schemas.note import Item, Noted
from schemas.task import Posed, posed_of
from schemas.vocabulary.answers import RESPONSE_BY, RESPONSE_FINISH, RESPONSE_TOKENS, RESPONSES


class ToldResponses(Annotator, frozen=True):
    """Writes what the source told; a task without a response is a failed row."""

    version: ClassVar = 2
    writes: ClassVar = (RESPONSES, RESPONSE_FINISH, RESPONSE_BY, RESPONSE_TOKENS)

    def look(self, subject: Subject) -> Noted:
        posed = posed_of(subject.sample.source.meta)
        if not posed.responses:
            raise BadSample("no_responses", "its source tells no response to it")
        return Noted(
            {
                "responses": list(posed.responses),
                "response_finish": ["told"] * len(posed.responses),
                "response_by": [*_by(posed)],
                "response_tokens": 0,
            }
        )


def _by(posed: Posed) -> list[Item]:
    """Return who gave each response, nothing where the source does not tell."""
    told = len(posed.answered_by) == len(posed.responses)
    return [*posed.answered_by] if told else [""] * len(posed.responses)
