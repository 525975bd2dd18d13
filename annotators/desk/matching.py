"""Matching: which of one person's marks are which of the other's, one to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.desk.item import Notes
from schemas.errors import BadInput
from schemas.note import Note


def matched(overlap_MN: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Return pairs (row, column) whose overlap is `least` or more: as many as can be, and of those the most overlap.

    A pair below `least` weighs nothing, so it never takes a mark from a pair that counts; cost is cubic in the marks.
    """
    if not overlap_MN.size:
        return []
    counts = overlap_MN >= least
    most = min(overlap_MN.shape) + 1
    rows, columns = _assignment()(np.where(counts, most + overlap_MN, 0.0), maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if counts[row, column]]


def grouped(
    paired: Callable[[Notes, Notes], list[tuple[Note, Note]]], all_of_them: Sequence[Notes]
) -> list[list[Note]] | None:
    """Return each mark of the first with those of all others that are one with it; None where one stands alone."""
    first = all_of_them[0]
    groups = [[note] for note in first]
    for notes in all_of_them[1:]:
        pairs = paired(first, notes)
        if len(pairs) < max(len(first), len(notes)):
            return None
        for mine, theirs in pairs:
            groups[next(at for at, note in enumerate(first) if note is mine)].append(theirs)
    return groups


def f1(pairs: int, mine: int, theirs: int) -> float:
    """Return the F1 of so many pairs; where nobody marked anything, all agree."""
    return 2 * pairs / (mine + theirs) if mine + theirs else 1.0


def overlaps(mine: Sequence[Any], theirs: Sequence[Any], overlap: Any) -> NDArray[np.float64]:
    """Return the overlap of each with each."""
    found = [[overlap(one, other) for other in theirs] for one in mine]
    return np.array(found, np.float64).reshape(len(mine), len(theirs))


def _assignment() -> Any:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        remedy = "install the extra: pip install 'ostraka[desk]'"
        raise BadInput("comparing marks needs scipy", where="desk", remedy=remedy) from None
    return linear_sum_assignment
