"""How many micro-steps answers take, packed again and as they come: `python -m bench.repacking` prints the table.

Counts, and no times: a micro-step is one forward and backward over at most a row of tokens. Lengths, of a prompt with
its answer, are drawn. Arrival order alone does not say how many go into one, so three rules are counted:

- a fixed number of answers, padded to the longest of them: as many as find place if all were as long as the longest;
- as many as find place as they come, padded to the longest of them;
- as many as find place as they come, side by side: the first that does not begins the next row.

Over ranks each rank has its share as it comes, and the busiest counts. The least possible is the bound of Martello and
Toth: answers longer than half a row share with none of their like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.rl.micro_steps import Sizes, micro_steps

ROW_TOKENS = 32_768
SHORTEST, SPREAD = 500, 0.7
HEAD = (
    "lengths of prompts with answers",
    "a fixed number, padded",
    "padded as they come",
    "side by side as they come",
    "packed",
    "the least possible",
)

Lengths = NDArray[np.int64]


class Case(NamedTuple):
    """Answers of a step: how many, their lengths, over how many ranks."""

    answers: int
    median: int
    """Of a log-normal; 0: even up to a row."""
    ranks: int = 1

    def lengths(self) -> Lengths:
        """Draw them."""
        random = np.random.default_rng(0)
        if not self.median:
            return random.integers(SHORTEST, ROW_TOKENS, self.answers, endpoint=True)
        drawn = random.lognormal(np.log(self.median), SPREAD, self.answers)
        return np.clip(drawn, SHORTEST, ROW_TOKENS).astype(np.int64)

    def name(self) -> str:
        """Say what they are."""
        how = f"log-normal about {self.median:,}" if self.median else f"even up to {ROW_TOKENS:,}"
        return f"{self.answers:,}{f' over {self.ranks} ranks' if self.ranks > 1 else ''}, {how}"


CASES = (Case(4_096, 2_000), Case(4_096, 9_000), Case(4_096, 14_000), Case(4_096, 0), Case(512, 9_000, ranks=8))


def fixed_number(tokens: Sequence[int], longest: int) -> int:
    """Count micro-steps of as many answers as always find place."""
    return -(-len(tokens) // (ROW_TOKENS // longest))


def padded_as_they_come(tokens: Sequence[int]) -> int:
    """Count micro-steps that are closed where one more, all padded to the longest, would not find place."""
    return _closed(tokens, lambda count, longest, total: count * longest)


def side_by_side(tokens: Sequence[int]) -> int:
    """Count micro-steps that are closed by the first answer that does not find place."""
    return _closed(tokens, lambda count, longest, total: total)


def _closed(tokens: Sequence[int], taken: Callable[[int, int, int], int]) -> int:
    closed, count, longest, total = 0, 0, 0, 0
    for one in tokens:
        if taken(count + 1, max(longest, one), total + one) > ROW_TOKENS:
            closed, count, longest, total = closed + 1, 0, 0, 0
        count, longest, total = count + 1, max(longest, one), total + one
    return closed + (count > 0)


def least(tokens_N: Lengths) -> int:
    """Return the bound: rows of those that share with none, and what is left of the others."""
    long_N = tokens_N[tokens_N > ROW_TOKENS // 2]
    short_N = tokens_N[tokens_N <= ROW_TOKENS // 2]
    found = len(long_N)
    for least_short in [0, *np.unique(short_N).tolist()]:
        alone = long_N > ROW_TOKENS - least_short
        room = int((ROW_TOKENS - long_N[~alone]).sum())
        left = int(short_N[short_N >= least_short].sum()) - room
        found = max(found, len(long_N) + max(0, -(-left // ROW_TOKENS)))
    return found


def counted(case: Case) -> tuple[int, ...]:
    """Return what HEAD names of a case: the busiest rank's, of several."""
    tokens_N = case.lengths()
    shares = [share.tolist() for share in np.split(tokens_N, case.ranks)]
    longest = int(tokens_N.max())
    none_N = np.zeros(len(tokens_N), np.int64)
    packed = max(map(len, micro_steps(Sizes(tokens_N, none_N, none_N), ROW_TOKENS, case.ranks)))
    return (
        max(fixed_number(share, longest) for share in shares),
        max(map(padded_as_they_come, shares)),
        max(map(side_by_side, shares)),
        packed,
        -(-least(tokens_N) // case.ranks),
    )


def table() -> Iterator[str]:
    """Yield the table, line by line; behind each rule's count, how many fewer are packed."""
    yield _line(HEAD)
    yield _line(["---"] * len(HEAD))
    for case in CASES:
        *before, packed, fewest = counted(case)
        saved = (f"{one:,} ({1 - packed / one:.0%})" for one in before)
        yield _line([case.name(), *saved, f"{packed:,}", f"{fewest:,}"])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(*table(), sep="\n")
