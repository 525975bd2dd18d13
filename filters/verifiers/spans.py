"""Spans of time as answers: [start, end] in seconds, or as a clock shows them."""

from __future__ import annotations

import re

from filters.verifiers.bounds import MOST_NUMBER_CHARS, check_size

Span = tuple[float, float]
_TIME = r"(?:(?P<{0}h>[0-9]{{1,2}}):)?(?:(?P<{0}m>[0-9]{{1,3}}):)?(?P<{0}s>[0-9]{{1,6}}(?:\.[0-9]{{1,3}})?)"
_UNIT = r"\s?(?:s|sec|secs|second|seconds)?\.?\s*"
_SPAN = re.compile(
    rf"(?:from\s+)?[\[(<{{]?\s*{_TIME.format('a')}{_UNIT}(?:,|-|–|to|until|and|→)\s*{_TIME.format('b')}{_UNIT}[\])>}}]?{_UNIT}",
    re.IGNORECASE,
)


def read_span(text: str) -> Span | None:
    """Return the one span that a text is, None where it is anything else or ends before it begins."""
    check_size(text, MOST_NUMBER_CHARS)
    found = _SPAN.fullmatch(text.strip())
    if not found:
        return None
    start, end = (_seconds(found[f"{one}h"], found[f"{one}m"], found[f"{one}s"]) for one in "ab")
    return (start, end) if start < end else None


def span_iou(one: Span, other: Span) -> float:
    """Return the intersection of two spans over their union."""
    both = min(one[1], other[1]) - max(one[0], other[0])
    return max(both, 0.0) / (max(one[1], other[1]) - min(one[0], other[0]))


def _seconds(hours: str | None, minutes: str | None, seconds: str) -> float:
    """With one colon the first number is of minutes."""
    if hours and not minutes:
        hours, minutes = None, hours
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds)
