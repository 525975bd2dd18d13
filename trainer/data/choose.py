"""Choosing: which samples of an export a stage may train on, and why not the others.

A sample longer than a sequence is left out whole: cut, it would be another sample, and spread over two sequences its
second half would be learnt without its first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.errors import BadInput
from schemas.kind import KINDS
from trainer.data.length_table import NONE, LeftOut
from trainer.data.lengths import Lengths
from trainer.plan.pool import Pool

TOO_LONG = "longer_than_sequence"
OTHER_KIND = "kind_not_of_this_stage"


class Chosen(Struct, frozen=True, eq=False):
    """The pool of an export for a stage, and how many samples are left out by reason."""

    lengths: Lengths
    pool: Pool
    left_out: dict[str, int]
    too_long_N: NDArray[np.intp]
    other_kind_N: NDArray[np.intp]

    def each_left_out(self) -> Iterator[LeftOut]:
        """Yield what this stage leaves out beside what can be no document at all."""
        for rows, reason in ((self.too_long_N, TOO_LONG), (self.other_kind_N, OTHER_KIND)):
            for row in self.lengths.rows[rows]:
                detail = f"{row['tokens']} tokens" if reason == TOO_LONG else KINDS[row["kind"]]
                yield LeftOut(row["key"].tobytes().hex(), reason, detail)


def choose(
    lengths: Lengths, sequence_tokens: int, *, weight: int = 0, name: str = "", without: Collection[str] = ()
) -> Chosen:
    """Choose what fits a sequence and is of no kind in `without`.

    Without a weight a pool weighs as many as its samples, so that pools end their epochs together.
    """
    unknown = sorted(set(without) - set(KINDS))
    if unknown:
        raise BadInput(f"no document is {unknown[0]}", remedy=f"the kinds are {', '.join(KINDS)}")
    rows: Any = lengths.rows
    document_N = rows["kind"] != NONE
    other_N = document_N & np.isin(rows["kind"], [KINDS.index(kind) for kind in without])
    long_N = document_N & ~other_N & (rows["tokens"] > sequence_tokens)
    row_N = np.flatnonzero(document_N & ~other_N & ~long_N)
    seen = sha256(msgspec.json.encode([lengths.digest, sequence_tokens, sorted(without)]))
    pool = Pool(
        name or lengths.export.name,
        seen.hexdigest(),
        weight or len(row_N),
        row_N.astype(np.uint32),
        kind_N=rows["kind"][row_N],
        tokens_N=rows["tokens"][row_N],
        targets_N=rows["targets"][row_N],
        patches_N=rows["patches"][row_N],
        patches_squared_N=rows["patches_squared"][row_N],
    )
    counted = {TOO_LONG: int(long_N.sum()), OTHER_KIND: int(other_N.sum())}
    left_out = {**lengths.left_out, **{reason: count for reason, count in counted.items() if count}}
    return Chosen(lengths, pool, left_out, np.flatnonzero(long_N), np.flatnonzero(other_N))
