"""Video: the span in which something happens, a choice, a count, or words."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.domain import Domain, bad_reference, graded, wrong
from filters.verifiers.domains.choice import Choice
from filters.verifiers.domains.counting import Counting
from filters.verifiers.domains.vqa import grade_short
from filters.verifiers.spans import read_span, span_iou
from schemas.errors import BadInput
from schemas.grade import Grade
from schemas.task import Task


class Video(Domain, frozen=True):
    """By `task`: temporal_grounding (the spans' IoU where it is over `iou_threshold`), choice, count, text.

    A span that leaves a clip of `duration_s` is wrong.
    """

    name: ClassVar = "video"
    reads: ClassVar = ("task", "iou_threshold", "duration_s", "options", "multi", "answer_type")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        kind = task.parameters.task or ("choice" if task.parameters.options else "text")
        if kind == "temporal_grounding":
            return _grade_span(answer, task)
        if kind == "choice":
            return Choice().grade(answer, task)
        if kind == "count":
            return Counting().grade(answer, task)
        if kind == "text":
            return grade_short(answer, task)
        raise BadInput(f"a task of video is {kind!r}", remedy="choose one of temporal_grounding, choice, count, text")


def _grade_span(answer: str, task: Task) -> Grade:
    due = read_span(task.reference)
    if due is None:
        raise bad_reference(task, "a span [start, end] in seconds")
    said = read_span(answer)
    if said is None:
        return wrong(answer, "unreadable")
    if task.parameters.duration_s and said[1] > task.parameters.duration_s + 1:
        return wrong(answer)
    both = span_iou(said, due)
    return graded(answer, both if both > task.parameters.iou_threshold else 0.0)
