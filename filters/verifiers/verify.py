"""One call for all domains: `verify(response, task)` gives a Grade, whatever the response; only a bad task raises."""

from __future__ import annotations

from collections.abc import Mapping

from filters.verifiers.bounds import TooComplexError
from filters.verifiers.domain import Domain
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.form import FormError, boxed, parted, unboxed
from filters.verifiers.style import mixes_languages, repeats
from schemas.errors import BadInput
from schemas.grade import TOO_COMPLEX, Grade
from schemas.task import Task

MOST_EXTRACTED_CHARS = 2_000


def verify(response: str, task: Task, domains: Mapping[str, Domain] = DOMAINS) -> Grade:
    """Return what a response earns; pure, bounded on any input, safe in threads.

    A domain of one's own is added as `domains={**DOMAINS, "bolts": Bolts()}`. Raises BadInput where the task names no
    domain or its reference cannot be read.
    """
    domain = domain_of(task, domains)
    try:
        segment = _segment(response, task)
        answer = boxed(segment) if domain.boxed else unboxed(segment)
    except FormError as error:
        return Grade(0.0, error.reason)
    try:
        grade = domain.grade(answer, task)
    except TooComplexError:
        grade = Grade(0.0, TOO_COMPLEX, answer)
    if len(grade.extracted) > MOST_EXTRACTED_CHARS:
        return Grade(grade.reward, grade.reason, grade.extracted[:MOST_EXTRACTED_CHARS])
    return grade


def domain_of(task: Task, domains: Mapping[str, Domain] = DOMAINS) -> Domain:
    """Return a task's domain; raises BadInput where there is none of its name."""
    if task.domain not in domains:
        raise BadInput(
            f"no verifier for the domain {task.domain!r}",
            where=f"a task: {task.question[:80]!r}",
            remedy=f"choose one of {', '.join(domains)}",
        )
    return domains[task.domain]


def _segment(response: str, task: Task) -> str:
    """Return the answer segment, and refuse a style that is never paid; what the reference does an answer may do."""
    parts = parted(response, task.parameters.thinking)
    if repeats(parts.thinking) or (repeats(parts.segment) and not repeats(task.reference)):
        raise FormError("repeated_text")
    if mixes_languages(parts.thinking) or mixes_languages(parts.segment):
        raise FormError("mixed_languages")
    return parts.segment
