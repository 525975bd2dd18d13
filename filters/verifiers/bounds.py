"""What a verifier reads at most: sizes are counted before anything is parsed, so no input takes long.

The other way, a timer around a parser, needs signals, which work in a main thread alone, or a process for each answer.
"""

from __future__ import annotations

import re

MOST_RESPONSE_CHARS = 262_144
MOST_ANSWER_CHARS = 8_192
MOST_NUMBER_CHARS = 200
MOST_MATH_CHARS = 600
MOST_DIGITS_IN_A_ROW = 60
MOST_DEPTH = 24
MOST_ITEMS = 64

_DIGITS = re.compile(rf"[0-9]{{{MOST_DIGITS_IN_A_ROW + 1}}}")
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


class TooComplexError(Exception):
    """An answer is larger than what is read of its kind."""


def check_size(text: str, most_chars: int = MOST_MATH_CHARS) -> None:
    """Raise TooComplexError where a text is too long, its digits too many in a row, or its brackets too deep."""
    if len(text) > most_chars or _DIGITS.search(text) or _depth(text) > MOST_DEPTH:
        raise TooComplexError


def _depth(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        if letter in _OPEN:
            depth += 1
            deepest = max(deepest, depth)
        elif letter in _CLOSE:
            depth -= 1
    return deepest
