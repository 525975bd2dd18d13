"""Free: answers that no rule tells right from wrong; form and style are looked at, a reward model pays."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain, unknown
from schemas.grade import Grade
from schemas.task import Task


class Free(Domain, frozen=True):
    """An answer without a reference: no box is due, and the rules say nothing of what it says."""

    name: ClassVar = "free"
    boxed: ClassVar = False

    def grade(self, answer: str, task: Task) -> Grade:
        """Pay nothing: a reward model does."""
        return unknown(answer)
