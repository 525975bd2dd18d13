"""Instructions: every constraint holds on the answer segment, in which no box is due."""

from __future__ import annotations

import re
from typing import ClassVar

from filters.verifiers.bounds import TooComplexError, check_size
from filters.verifiers.constraints import count_words, holds
from filters.verifiers.domain import Domain, decided, wrong
from filters.verifiers.judgeable import SPEECH_MARKS
from schemas.errors import BadInput
from schemas.grade import Grade
from schemas.task import Task

MOST_CHARS = 65_536
LEAST_WORDS_TO_TELL, LEAST_DISTINCT_SHARE = 30, 0.25
_WORD = re.compile(r"\w+")


class Instruction(Domain, frozen=True):
    """All of `constraints` hold, or nothing is paid; nor is a text whose words are mostly one another's repeats."""

    name: ClassVar = "instruction"
    reads: ClassVar = ("constraints",)
    boxed: ClassVar = False

    def grade(self, answer: str, task: Task) -> Grade:
        constraints = task.parameters.constraints
        if not constraints:
            raise BadInput("a task of instruction without constraints", remedy="give some, or ask a reward model")
        if len(answer) > MOST_CHARS:
            raise TooComplexError
        if any(one.kind == "json" for one in constraints):
            check_size(answer, MOST_CHARS)
        if not _says_something(answer):
            return wrong(answer, "repeated_text")
        if any(mark in answer for mark in SPEECH_MARKS):
            return wrong(answer, "speaks_to_judge")
        return decided(answer, all(holds(one, answer) for one in constraints))


def _says_something(answer: str) -> bool:
    found = _WORD.findall(answer.casefold())
    if count_words(answer) < LEAST_WORDS_TO_TELL or len(found) < LEAST_WORDS_TO_TELL:
        return True
    return len(set(found)) >= LEAST_DISTINCT_SHARE * min(len(found), 100)
