"""The answer segment of a response: what a reward model sees, without the thinking and without the marks of the box."""

from __future__ import annotations

from filters.verifiers.form import parted
from schemas.response import BOX, BOX_END
from schemas.task import Task


def answer_segment(response: str, task: Task) -> str:
    """Return the answer alone; raises FormError where the response has no such form."""
    return parted(response, task.parameters.thinking).segment.replace(BOX, "").replace(BOX_END, "").strip()
