"""Most per task: of the answers to one task a few stay, those of earlier rounds first.

A cold start that grows round by round would else hold the tasks that are answered most often more and more. Earlier
answers stay, so that a set of the next round is the set before and what is new.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import CorpusFilter, Learned, Lost, Spread, bucket_of, ranked
from schemas.errors import BadInput


class MostPerTask(CorpusFilter, frozen=True):
    """Keeps at most `most` answers of a task, then those with the smaller keys; measured is how many the task has.

    The witness is the last that stays. Raises BadInput for less than 1.
    """

    most: int = 2
    reads: ClassVar = ("answer_task", "answer_round")
    reasons: ClassVar = ("enough_of_task",)
    row_bytes: ClassVar = 200

    def __post_init__(self) -> None:
        if self.most < 1:
            raise BadInput(f"most is {self.most}", where="filter most_per_task", remedy="give 1 or more")

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        """Return how early an answer came: the later its round, the less."""
        return np.uint64(2**32 - 1) - columns.array("answer_round").astype(np.uint64)

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        return Spread(np.arange(columns.count), bucket_of(_tasks(columns), count))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        rows = ranked(self.merit(columns), columns.array("key"))
        task = _tasks(columns)[rows]
        order = np.argsort(task, kind="stable")
        rows, task = rows[order], task[order]
        first = np.flatnonzero(np.concatenate(([True], task[1:] != task[:-1]))) if len(task) else np.zeros(0, np.int64)
        sizes = np.diff(first, append=len(task))
        place = np.arange(len(task)) - np.repeat(first, sizes)
        lost = np.flatnonzero(place >= self.most)
        last = rows[lost - place[lost] + self.most - 1]
        counted = np.repeat(sizes, sizes)[lost].astype(np.float64)
        return Lost(rows[lost], last, counted, np.zeros(len(lost), np.int16))


def _tasks(columns: Columns) -> NDArray[np.uint64]:
    """Return 64 bits of each row's task; tasks that share them, one pair in some 10^9 tasks, count as one."""
    tasks = columns.array("answer_task").tolist()
    return np.array([int.from_bytes(blake2b(one.encode(), digest_size=8).digest(), "big") for one in tasks], np.uint64)
