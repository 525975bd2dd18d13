"""Whether a judge may be asked, and what its word makes of a grade: `unknown` alone, and where the domain allows one.

A judge is asked twice, with what it compares in either order, and both words have to agree; what is wrong by rule stays
wrong whatever a judge would say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filters.verifiers.domain import Domain
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.verify import domain_of
from schemas.errors import BadInput
from schemas.grade import UNKNOWN, Grade
from schemas.task import Task

MOST_APART = 0.25
WORDS = 2


def may_ask(grade: Grade, task: Task, domains: Mapping[str, Domain] = DOMAINS) -> bool:
    """Return whether a judge may be asked about an answer that was graded so."""
    return grade.reason == UNKNOWN and domain_of(task, domains).judged


def settle(grade: Grade, task: Task, words: Sequence[float], domains: Mapping[str, Domain] = DOMAINS) -> Grade:
    """Fold a judge's two words, rewards from 0 to 1, into a grade; without words an unknown answer stays unpaid.

    Words at most 0.25 apart agree, and the lower is paid. Raises BadInput where words come for a grade that no judge
    may be asked about, since that reward would be a judge's alone.
    """
    if not words:
        return grade
    if not may_ask(grade, task, domains):
        raise BadInput(
            f"a judge's word on an answer that is {grade.reason} by rule",
            where=f"a task of {task.domain}: {task.question[:80]!r}",
            remedy="ask a judge where may_ask says so",
        )
    if len(words) != WORDS or not all(0 <= word <= 1 for word in words):
        raise BadInput(
            f"a judge's words are {list(words)}", remedy="give two rewards from 0 to 1, one for either order"
        )
    low, high = min(words), max(words)
    if high - low > MOST_APART:
        return Grade(0.0, "judges_disagree", grade.extracted)
    reason = "judged_right" if low >= 1 else "judged_partly_right" if low > 0 else "judged_wrong"
    return Grade(float(low), reason, grade.extracted)
