"""Same text: a verifier that pays a reference's own words and nothing else, to be held out beside a better one.

It refuses many right answers, so how often it differs from the verifier that pays says little; that this rises says
that answers are found which please the one and not the other.
"""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain, decided
from filters.verifiers.text import same_text
from schemas.grade import Grade
from schemas.task import Task


class SameText(Domain, frozen=True):
    """The reference, letter for letter but for case, spaces and marks at the end."""

    name: ClassVar = "same_text"

    def grade(self, answer: str, task: Task) -> Grade:
        """Pay the same text."""
        return decided(answer, same_text(answer, task.reference))
