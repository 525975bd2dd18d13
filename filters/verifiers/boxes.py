"""Boxes as answers, [left, top, right, bottom] in thousandths of the picture, and how far two sets of them agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from filters.verifiers.bounds import MOST_ITEMS, TooComplexError, check_size
from schemas.errors import BadInput

Box = tuple[float, float, float, float]
MOST_BOX_CHARS = 4_096
LAST = 1000.0
_NUMBER = r"\s*(-?[0-9]{1,4}(?:\.[0-9]{1,4})?)\s*"
_BOX = re.compile(rf"[\[(]{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}[\])]")
_CORNERS = re.compile(rf"\({_NUMBER},{_NUMBER}\)\s*,\s*\({_NUMBER},{_NUMBER}\)")
_BETWEEN = re.compile(r"[\s,;\[\](){}]*")
_NAMED = re.compile(r"\"(?:bbox_2d|bbox|box_2d|box|label|name)\"\s*:\s*|\"[^\"\[\]{}]{0,80}\"\s*,?")


def read_boxes(text: str) -> list[Box] | None:
    """Return the boxes of an answer, None where it says anything else, or a box has no area or leaves the picture."""
    check_size(text, MOST_BOX_CHARS)
    plain = _NAMED.sub("", text)
    pattern = _CORNERS if _CORNERS.search(plain) else _BOX
    if not _BETWEEN.fullmatch(pattern.sub("", plain)):
        return None
    found = [tuple(map(float, groups)) for groups in pattern.findall(plain)]
    if len(found) > MOST_ITEMS:
        raise TooComplexError
    boxes = [(left, top, right, bottom) for left, top, right, bottom in found]
    return boxes if boxes and all(map(_is_box, boxes)) else None


def iou(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (_area(one) + _area(other) - both)


def matched(
    said: Sequence[Box], due: Sequence[Box], threshold: float, matching: Literal["best", "greedy", "in_order"]
) -> int:
    """Return how many boxes have one of their own over the threshold on the other side.

    `best` is the largest set of pairs, `greedy` takes the closest pair first, `in_order` the first with the first.
    """
    pairs = ((i, j, iou(one, other)) for i, one in enumerate(said) for j, other in enumerate(due))
    over = {(i, j): both for i, j, both in pairs if both > threshold}
    if matching == "in_order":
        return sum(i == j for i, j in over)
    if matching == "greedy":
        return _greedy(over)
    return _best(over, len(said), len(due))


def _greedy(over: dict[tuple[int, int], float]) -> int:
    taken_said: set[int] = set()
    taken_due: set[int] = set()
    for i, j in sorted(over, key=lambda pair: (-over[pair], pair)):
        if i not in taken_said and j not in taken_due:
            taken_said.add(i)
            taken_due.add(j)
    return len(taken_said)


def _best(over: dict[tuple[int, int], float], said: int, due: int) -> int:
    if said == 1 or due == 1:
        return min(len(over), 1)
    import numpy as np

    try:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import maximum_bipartite_matching
    except ImportError as error:
        raise BadInput("boxes are matched with scipy", remedy="pip install 'ostraka[verifiers]'") from error
    graph = np.zeros((said, due), np.int8)
    for pair in over:
        graph[pair] = 1
    return int((maximum_bipartite_matching(csr_array(graph), perm_type="column") >= 0).sum())


def _is_box(box: Box) -> bool:
    left, top, right, bottom = box
    return 0 <= left < right <= LAST and 0 <= top < bottom <= LAST


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
