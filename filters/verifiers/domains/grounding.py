"""Grounding: how many of the boxes lie on boxes of the reference, over how many there are."""

from __future__ import annotations

from typing import ClassVar

from filters.verifiers.boxes import matched, read_boxes
from filters.verifiers.domain import Domain, bad_reference, graded, wrong
from schemas.grade import Grade
from schemas.task import Task


class Grounding(Domain, frozen=True):
    """Boxes with an IoU over `iou_threshold`, matched one to one, over the larger count of boxes.

    `denominator` may be reference, which pays for boxes everywhere, or predicted, which pays for one sure box.
    """

    name: ClassVar = "grounding"
    reads: ClassVar = ("iou_threshold", "matching", "denominator")

    def grade(self, answer: str, task: Task) -> Grade:
        due = read_boxes(task.reference)
        if due is None:
            raise bad_reference(task, "a list of boxes [left, top, right, bottom] from 0 to 1000")
        said = read_boxes(answer)
        if said is None:
            return wrong(answer, "unreadable")
        asked = task.parameters
        among = {"larger": max(len(said), len(due)), "reference": len(due), "predicted": len(said)}
        hits = matched(said, due, asked.iou_threshold, asked.matching)
        return graded(answer, hits / among[asked.denominator])
