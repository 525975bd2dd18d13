"""OCR: how much of the text is read, by edit distance."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.bounds import MOST_ANSWER_CHARS, TooComplexError
from filters.verifiers.domain import Domain, bad_reference, graded
from schemas.errors import BadInput
from schemas.grade import Grade
from schemas.task import Task

LEAST_REWARD = 0.3


class Ocr(Domain, frozen=True):
    """1 - edit distance / length of the longer, without white space; case counts unless `case_sensitive` is false.

    Below 0.3 nothing is paid: two texts of one alphabet are alike so far by chance.
    """

    name: ClassVar = "ocr"
    reads: ClassVar = ("case_sensitive",)

    def grade(self, answer: str, task: Task) -> Grade:
        try:
            from rapidfuzz.distance import Levenshtein
        except ImportError as error:
            raise BadInput("OCR is graded with rapidfuzz", remedy="pip install 'ostraka[verifiers]'") from error
        ignores_case = task.parameters.case_sensitive is False
        said, due = ("".join(text.split()) for text in (answer, task.reference))
        if not due:
            raise bad_reference(task, "a text")
        if len(said) > MOST_ANSWER_CHARS or len(due) > MOST_ANSWER_CHARS:
            raise TooComplexError
        if ignores_case:
            said, due = said.casefold(), due.casefold()
        alike = Levenshtein.normalized_similarity(said, due)
        return graded(answer, alike if alike >= LEAST_REWARD else 0.0)
