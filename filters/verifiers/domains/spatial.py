"""Where things are, how far, how large: quantities, options and numbers by rule, words by a judge."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain, wrong
from filters.verifiers.domains.science import grade_quantity
from filters.verifiers.domains.vqa import grade_short
from filters.verifiers.judgeable import judgeable
from filters.verifiers.text import words
from schemas.grade import UNKNOWN, Grade
from schemas.task import Task

REL_TOL = 1e-6
_OPPOSITES = (
    ("left", "right"), ("above", "below"), ("front", "behind"), ("over", "under"), ("inside", "outside"),
    ("near", "far"), ("nearer", "farther"), ("closer", "farther"), ("up", "down"), ("north", "south"),
    ("east", "west"), ("clockwise", "counterclockwise"), ("top", "bottom"), ("larger", "smaller"),
    ("taller", "shorter"), ("forward", "backward"), ("yes", "no"),
)  # fmt: skip


class Spatial(Domain, frozen=True):
    """Distances in any unit within `rel_tol`, options, yes and no; a word that names the opposite side is wrong."""

    name: ClassVar = "spatial"
    reads: ClassVar = ("rel_tol", "answer_type", "unit", "options")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        asked = task.parameters
        if not asked.options and asked.answer_type in ("", "number"):
            found = grade_quantity(answer, task, REL_TOL if asked.rel_tol < 0 else asked.rel_tol)
            if found is not None:
                return judgeable(answer, task) if found.reason == UNKNOWN else found
        grade = grade_short(answer, task)
        if grade.reason == UNKNOWN and _opposed(answer, task.reference):
            return wrong(answer)
        return grade


def _opposed(answer: str, reference: str) -> bool:
    said, due = set(words(answer)), set(words(reference))
    return any(
        (one in due and other in said and one not in said) or (other in due and one in said and other not in said)
        or (one in said and other in said and not (one in due and other in due))
        for one, other in _OPPOSITES
    )  # fmt: skip
