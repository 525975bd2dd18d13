"""GUI agents: an element's box, a question about a screen, or an action and where it goes."""

from __future__ import annotations

import math
from typing import ClassVar

from filters.verifiers.actions import Action, read_action
from filters.verifiers.boxes import iou
from filters.verifiers.domain import Domain, bad_reference, graded, wrong
from filters.verifiers.domains.grounding import Grounding
from filters.verifiers.domains.vqa import grade_short
from schemas.errors import BadInput
from schemas.grade import Grade
from schemas.task import Task

NEAR, FAR = 20.0, 50.0
"""Distances in thousandths of the picture: within NEAR a click loses a fifth at most, from FAR it is worth nothing."""
LEAST_TEXT_REWARD = 0.5
_MOST_TIMES_AREA = 4.0


class Gui(Domain, frozen=True):
    """By `task`: grounding, qa, or action: the kind is equal or nothing is paid, then a product over what it takes.

    A place is paid by IoU between boxes, 1 inside a box of the reference, and by distance between points. Text is paid
    by its longest common subsequence (android), or by edit distance and common pairs of letters (desktop), from 0.5.
    """

    name: ClassVar = "gui"
    reads: ClassVar = ("platform", "task", "iou_threshold", "matching", "denominator", "options", "answer_type")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        kind = task.parameters.task or "action"
        if kind == "grounding":
            return Grounding().grade(answer, task)
        if kind == "qa":
            return grade_short(answer, task)
        if kind != "action":
            raise BadInput(f"a task of gui is {kind!r}", remedy="choose one of grounding, qa, action")
        due = read_action(task.reference)
        if due is None:
            raise bad_reference(task, "an action")
        said = read_action(answer)
        if said is None:
            return wrong(answer, "unreadable")
        return graded(answer, _reward(said, due, task.parameters.platform))


def _reward(said: Action, due: Action, platform: str) -> float:
    if said.kind != due.kind or said.keys != due.keys or said.direction != due.direction:
        return 0.0
    place, end = _place(said.at, due.at), _place(said.end, due.end)
    reward = math.sqrt(place * end) if due.end else place
    if due.kind == "scroll" and due.step:
        reward *= max(0.0, 1 - abs(said.step - due.step) / (2 * abs(due.step)))
    if due.text:
        reward *= _text(said.text, due.text, platform)
    return reward if due.text or not said.text else 0.0


def _place(said: tuple[float, ...], due: tuple[float, ...]) -> float:
    """Pay for a place; one that was not asked for costs nothing, one that was is due."""
    if not due:
        return 1.0
    if not said:
        return 0.0
    if len(due) == 4:
        return _in_box(said, due)
    if len(said) == 4:
        said = ((said[0] + said[2]) / 2, (said[1] + said[3]) / 2) if _is_small(said) else ()
    return _distance(said, due) if said else 0.0


def _in_box(said: tuple[float, ...], due: tuple[float, ...]) -> float:
    left, top, right, bottom = due
    if len(said) == 4:
        return iou((said[0], said[1], said[2], said[3]), (left, top, right, bottom))
    return float(left <= said[0] <= right and top <= said[1] <= bottom)


def _is_small(box: tuple[float, ...]) -> bool:
    return max(box[2] - box[0], box[3] - box[1]) <= _MOST_TIMES_AREA * FAR


def _distance(said: tuple[float, ...], due: tuple[float, ...]) -> float:
    apart = math.hypot(said[0] - due[0], said[1] - due[1])
    return 1 - 0.2 * apart / NEAR if apart <= NEAR else max(0.0, 1 - apart / FAR)


def _text(said: str, due: str, platform: str) -> float:
    try:
        from rapidfuzz.distance import LCSseq, Levenshtein
    except ImportError as error:
        raise BadInput("typed text is graded with rapidfuzz", remedy="pip install 'ostraka[verifiers]'") from error
    if platform == "android":
        alike = LCSseq.normalized_similarity(said, due)
    else:
        alike = 0.6 * Levenshtein.normalized_similarity(said, due) + 0.4 * _pairs(said, due)
    return alike if alike >= LEAST_TEXT_REWARD else 0.0


def _pairs(said: str, due: str) -> float:
    one, other = ({text[at : at + 2] for at in range(max(len(text) - 1, 1))} for text in (said, due))
    return len(one & other) / max(len(one | other), 1)
