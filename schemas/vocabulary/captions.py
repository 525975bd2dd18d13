"""Captions: what became of one that was rewritten, and how well picture and caption go together."""

from __future__ import annotations

from schemas.vocabulary.name import Name

RECAPTION = Name("recaption", "string", "", "the caption rewritten, empty where the original stands")
RECAPTION_STATUS = Name("recaption_status", "string", "", "rewritten, or why the original stands")
RECAPTION_DETAIL = Name(
    "recaption_detail", "string", "", "what was lost or added, and what was answered instead of a recaption"
)
REWRITTEN = "rewritten"
ORIGINAL_STANDS = (
    "no_caption",
    "rejected",
    "refused",
    "cut_off",
    "empty",
    "not_a_caption",
    "noisy",
    "unrelated",
    "facts_lost",
    "facts_added",
)
"""What `recaption_status` is where it is not REWRITTEN: why the original stands."""

CLIP_SCORE = Name("clip_score", "float64", "cosine", "similarity of picture and first text in CLIP's space", -1, 1)
