"""Names: how a class's name reads in verdicts, funnels and reasons."""

from __future__ import annotations

import re

_BEFORE_A_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """Return a class's name in snake_case, abbreviations whole: NearDedup is near_dedup, OSError is os_error."""
    return _BEFORE_A_WORD.sub("_", name).lower()
