"""Taken: what an answer was taken from, as its sample holds it in its source's meta; its task is its parent."""

from __future__ import annotations

from msgspec import DecodeError, Struct, json

from schemas.errors import BadSample


class Taken(Struct, frozen=True):
    """The recipe that graded it, the response's number, its task's pass rate and skill, and who answered.

    `by` names a model and, where they are told, its weights; `round` counts the rounds of enhancement, 0 for the first
    cold start.
    """

    recipe: str
    response: int
    pass_rate: float
    skill: str
    by: str = ""
    round: int = 0


def taken_of(meta: str) -> Taken:
    """Read where an answer comes from; raises BadSample where its sample does not say."""
    try:
        return json.decode(meta or "null", type=Taken)
    except DecodeError as error:
        raise BadSample("not_taken", f"its source does not say what it was taken from: {error}") from None
