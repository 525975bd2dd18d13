"""The table of micro-steps that a page shows is the one that is counted, and its bound is one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.repacking import ROW_TOKENS, fixed_number, least, padded_as_they_come, side_by_side, table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "rl.md"


def test_the_page_shows_what_is_counted() -> None:
    assert "\n".join(table()) in PAGE.read_text()


def fewest(tokens: Sequence[int]) -> int:
    """Return the fewest rows there can be: tries, for the first answer, whatever fits beside it."""
    if not tokens:
        return 0
    first, others = tokens[0], tokens[1:]
    found = len(tokens)
    for count in range(len(others) + 1):
        for beside in combinations(range(len(others)), count):
            if first + sum(others[at] for at in beside) <= ROW_TOKENS:
                found = min(found, 1 + fewest([one for at, one in enumerate(others) if at not in beside]))
    return found


@settings(max_examples=60, deadline=None)
@given(eighths=st.lists(st.integers(1, 80), min_size=1, max_size=6))
def test_the_bound_is_at_most_the_fewest_and_no_rule_is_below_it(eighths: list[int]) -> None:
    tokens = [one * ROW_TOKENS // 80 for one in eighths]
    bound, possible = least(np.array(tokens, np.int64)), fewest(tokens)
    assert -(-sum(tokens) // ROW_TOKENS) <= bound <= possible
    assert possible <= side_by_side(tokens) <= padded_as_they_come(tokens) <= fixed_number(tokens, max(tokens))
