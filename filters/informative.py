"""Informative: answers to tasks of a middling difficulty, and those that exercise a rare skill however hard it was.

What a model nearly always gets right it need not be shown again, and what it hardly ever got right was often luck. A
rare skill stays all the same: a set that is chosen by pass rate alone loses its long tail, round by round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import NOBODY, CorpusFilter, Learned, Lost, Spread, bucket_of, half
from schemas.errors import BadInput

_DIGEST_BYTES = 8


class Informative(CorpusFilter, frozen=True):
    """Keeps low <= pass rate <= high, and every skill with at most `rare` of the answers; measured is the pass rate.

    Raises BadInput where the bounds are none.
    """

    low: float = 0.1
    high: float = 0.8
    rare: float = 0.02
    reads: ClassVar = ("pass_rate", "task_skill")
    reasons: ClassVar = ("too_hard", "too_easy")
    row_bytes: ClassVar = 160

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1 or not 0 <= self.rare <= 1:
            told = f"low {self.low:g}, high {self.high:g}, rare {self.rare:g}"
            raise BadInput(told, where="filter informative", remedy="give 0 <= low <= high <= 1 and a share for rare")

    def survey(self, columns: Columns) -> Learned:
        counted = Counter(_digests(columns).tolist())
        skills = sorted(counted)
        counts = [counted[skill] for skill in skills]
        return {"skills": np.array(skills, np.uint64), "counts": np.array(counts, np.int64)}

    def learn(self, surveys: Sequence[Learned]) -> Learned:
        counted = Counter[int]()
        for one in surveys:
            counted.update(dict(zip(one["skills"].tolist(), one["counts"].tolist(), strict=True)))
        most = self.rare * counted.total()
        rare = sorted(skill for skill, count in counted.items() if count <= most)
        return {"rare": np.array(rare, np.uint64)}

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        return Spread(np.arange(columns.count), bucket_of(half(columns.array("key"), 1), count))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        rate = columns.array("pass_rate").astype(np.float64)
        outside = ~((rate >= self.low) & (rate <= self.high))
        lost = np.flatnonzero(outside & ~np.isin(_digests(columns), learned["rare"]))
        reason = (rate[lost] > self.high).astype(np.int16)
        return Lost(lost, np.full(len(lost), NOBODY, np.int64), rate[lost], reason)


def _digests(columns: Columns) -> NDArray[np.uint64]:
    """Return a number for each row's skill: what is learnt of a corpus are arrays, and texts are of any length."""
    skills = columns.array("task_skill").tolist()
    number = {
        skill: int.from_bytes(blake2b(skill.encode(), digest_size=_DIGEST_BYTES).digest(), "big") for skill in {*skills}
    }
    return np.array([number[skill] for skill in skills], np.uint64)
