"""Shares: categories are thinned until each makes up the share of the corpus that was asked for.

Of each category the samples whose keys draw the smallest numbers stay. How small is learnt of counts of draws in 4,096
equal bins a category, which add up over any parts of a corpus, so a row is decided by its own draw wherever it lies;
within a bin draws count as spread evenly, which is off by a sample or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import NOBODY, CorpusFilter, Learned, Lost, Spread, bucket_of, half
from schemas.errors import BadInput

REST = "*"
"""In targets: all categories that are not named."""

_BIN_BITS = 12
_BINS = 1 << _BIN_BITS


class Shares(CorpusFilter, frozen=True):
    """Keeps of each category its share (`targets`: names with shares that add up to 1; "*" is all others together).

    With `total`, so many samples stay, and a category that has too few stays whole; without it, as many as the
    scarcest of the categories allows. A category that has no sample is passed over. What is measured is the share of
    the category that stays. Raises BadInput where the shares make no sense.
    """

    targets: tuple[tuple[str, float], ...]
    total: int = 0
    seed: str = "shares"
    reads: ClassVar = ("category",)
    reasons: ClassVar = ("over_share", "no_share")
    row_bytes: ClassVar = 160

    def __post_init__(self) -> None:
        names, shares = [name for name, _ in self.targets], [share for _, share in self.targets]
        if len({*names}) != len(names) or min(shares, default=0) <= 0 or not isclose(sum(shares), 1, abs_tol=1e-6):
            told = ", ".join(f"{name}={share:g}" for name, share in self.targets) or "nothing"
            remedy = "name each category once, with shares above 0 that add up to 1; * stands for all others"
            raise BadInput(f"shares are {told}", where="filter shares", remedy=remedy)
        if self.total < 0:
            raise BadInput(f"total is {self.total}", where="filter shares", remedy="give 0 for as many as there are")

    def survey(self, columns: Columns) -> Learned:
        places, draws = self._places(columns), self._draws(columns)
        named = places < len(self.targets)
        bins = places[named] * _BINS + (draws[named] >> np.uint64(64 - _BIN_BITS)).astype(np.int64)
        counts = np.bincount(bins, minlength=len(self.targets) * _BINS).reshape(-1, _BINS)
        return {"counts": counts.astype(np.int64)}

    def learn(self, surveys: Sequence[Learned]) -> Learned:
        """Return, for each category, the number below which a draw stays, in [0, 1], and the share that this keeps."""
        counts = np.zeros((len(self.targets), _BINS), np.int64)
        for one in surveys:
            counts += one["counts"]
        there = counts.sum(axis=1)
        shares = np.array([share for _, share in self.targets])
        some = there > 0
        total = float(self.total) or float((there[some] / shares[some]).min(initial=np.inf))
        wanted = np.where(some, np.minimum(there, np.floor(np.where(some, total, 0) * shares + 1e-9)), 0)
        cuts = np.array([_cut(row, want) for row, want in zip(counts, wanted, strict=True)])
        return {"cuts": cuts, "kept": wanted / np.maximum(there, 1)}

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        return Spread(np.arange(columns.count), bucket_of(half(columns.array("key"), 1), count))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        places = self._places(columns)
        draws = (self._draws(columns) >> np.uint64(11)) * 2.0**-53
        lost = np.flatnonzero(draws >= np.append(learned["cuts"], 0.0)[places])
        reason = (places[lost] == len(self.targets)).astype(np.int16)
        measured = np.append(learned["kept"], 0.0)[places[lost]]
        return Lost(lost, np.full(len(lost), NOBODY, np.int64), measured, reason)

    def _places(self, columns: Columns) -> NDArray[np.int64]:
        """Return the place among the targets of each row's category, their count where it is none of them."""
        place = {name: at for at, (name, _) in enumerate(self.targets)}
        rest = place.get(REST, len(self.targets))
        found = [place.get(category, rest) for category in columns.array("category").tolist()]
        return np.array(found, np.int64)

    def _draws(self, columns: Columns) -> NDArray[np.uint64]:
        from filters.draws import draws

        return draws(columns.array("key"), self.seed)


def _cut(counts: NDArray[np.int64], wanted: float) -> float:
    """Return the number below which `wanted` of the draws lie that are counted in bins."""
    upto = np.cumsum(counts)
    if wanted >= upto[-1]:
        return 1.0 if upto[-1] else 0.0
    at = int(np.searchsorted(upto, wanted, side="right"))
    return float((at + (wanted - (upto[at] - counts[at])) / counts[at]) / _BINS)
