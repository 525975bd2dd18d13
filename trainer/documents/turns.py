"""Turns of a dialogue, read from a sample's parts by the roles of its texts.

Pictures and clips belong to the user's turn that they stand in or before. A `think` belongs to the answer after it:
with words it is reasoning, empty it says that this answer comes without. An answer that still carries its reasoning in
tags is taken apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from schemas.errors import BadSample
from schemas.sample import Part, Text

DIALOGUE_ROLES = ("system", "user", "think", "assistant")
_TAGGED = re.compile(r"\s*<think>(?P<think>.*?)</think>\s*(<answer>(?P<inner>.*)</answer>\s*$|(?P<rest>.*))", re.DOTALL)


class Said(Struct, frozen=True):
    """One turn: what it consists of, in order, a picture or clip as its place among the sample's parts."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | int, ...]
    think: str = ""


def turns_of(parts: Sequence[Part]) -> tuple[Said, ...]:
    """Return the turns of a dialogue; texts of other roles are not said. Raises BadSample where it lacks an answer."""
    turns: list[Said] = []
    asked: list[str | int] = []
    think = ""

    def close_question() -> None:
        if asked:
            turns.append(Said("user", tuple(asked)))
            asked.clear()

    for place, part in enumerate(parts):
        if not isinstance(part, Text):
            asked.append(place)
        elif part.role == "user":
            asked.append(part.text.strip())
        elif part.role == "system":
            close_question()
            turns.append(Said("system", (part.text.strip(),)))
        elif part.role == "think":
            think = part.text.strip()
        elif part.role == "assistant":
            close_question()
            turns.append(answer_turn(part.text, think, place))
            think = ""
    if asked or think:
        raise BadSample("no_answer", "its last turn is not an answer")
    return tuple(turns)


def answer_turn(text: str, think: str, place: int) -> Said:
    """Return the turn of an answer, its reasoning taken out of its tags; raises BadSample where nothing is left."""
    if tagged := _TAGGED.fullmatch(text):
        think = think or tagged["think"].strip()
        text = tagged["inner"] if tagged["inner"] is not None else tagged["rest"]
    if not text.strip():
        raise BadSample("empty_answer", f"$.parts[{place}]")
    return Said("assistant", (text.strip(),), think)
