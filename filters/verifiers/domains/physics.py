"""Physics: quantities in any unit of their kind, else as mathematics."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain
from filters.verifiers.domains.math import Math, unnamed
from filters.verifiers.domains.science import grade_quantity
from filters.verifiers.judgeable import judgeable
from schemas.grade import UNKNOWN, Grade
from schemas.task import Task

REL_TOL = 1e-5


class Physics(Domain, frozen=True):
    """Numbers with units, in any unit of the same kind, within a relative error of 1e-5; expressions as in math."""

    name: ClassVar = "physics"
    reads: ClassVar = ("rel_tol", "answer_type", "unit")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        rel_tol = REL_TOL if task.parameters.rel_tol < 0 else task.parameters.rel_tol
        if task.parameters.answer_type in ("", "number"):
            found = grade_quantity(unnamed(answer, task), task, rel_tol)
            if found is not None:
                return judgeable(answer, task) if found.reason == UNKNOWN else found
        return Math(rel_tol=REL_TOL).grade(answer, task)
