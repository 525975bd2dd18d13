"""A grade: what a verifier pays for an answer, why, and what it took for the answer."""

from __future__ import annotations

from msgspec import Struct

RIGHT, PARTLY, WRONG, UNKNOWN = "right", "partly_right", "wrong", "unknown"
TOO_COMPLEX = "too_complex"
MALFORMED = (
    "no_thinking",
    "thinking_unclosed",
    "thinking_unasked",
    "text_before_thinking",
    "tags_broken",
    "text_after_answer",
    "no_answer",
    "no_box",
    "several_boxes",
    "box_unclosed",
    "box_in_thinking",
    "box_unasked",
    "latex_box",
    "empty_box",
    "repeated_text",
    "mixed_languages",
)
"""Why a response is not paid before its answer is looked at."""

JUDGED = ("judged_right", "judged_partly_right", "judged_wrong", "judges_disagree")
"""What `settle` makes of an unknown answer."""

NOT_FOR_A_JUDGE = ("too_long", "hedged", "speaks_to_judge", "echoes_question")
"""Why an answer that the rules cannot tell is wrong all the same."""

REASONS = (RIGHT, PARTLY, WRONG, UNKNOWN, TOO_COMPLEX, "unreadable", *NOT_FOR_A_JUDGE, *MALFORMED, *JUDGED)


class Grade(Struct, frozen=True):
    """A verifier's word on one response: `reward` from 0 to 1, `reason` one of REASONS, `extracted` what was graded.

    `unknown` says that the rules cannot tell: its reward is 0 until `filters.verifiers.settle` folds a judge's word in.
    """

    reward: float
    reason: str
    extracted: str = ""
