"""Squeezed text: its letters and digits alone, so that case, punctuation and spaces make no difference.

A mark that was left out, put in or changed for another, also within a word ("don't", "1,000", "3-digit"), leaves a
squeezed text as it was. Words are counted beside it: runs of letters and digits, and each sign of scripts that put no
space between words.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE = 1024
_MARKS = re.compile(r"[\W_]+")
_WORD = re.compile(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+")


class Words(NamedTuple):
    """A squeezed text as code points, and where each of its words begins."""

    codes_T: NDArray[np.uint32]
    starts_W: NDArray[np.int64]


def normal(text: str) -> str:
    """Return a text in Unicode's composed compatible form, without case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def squeezed(text: str) -> str:
    """Return a text's letters and digits, without case."""
    return _MARKS.sub("", normal(text))


def codes_of(squeezed_text: str) -> NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(squeezed_text.encode("utf-32-le", "surrogatepass"), np.uint32)


def words_of(text: str) -> Words:
    """Return a squeezed text with the places of its words."""
    found = _WORD.findall(normal(text))
    lengths = np.fromiter(map(len, found), np.int64, len(found))
    return Words(codes_of("".join(found)), np.cumsum(lengths) - lengths)


class Places:
    """Where each letter of a squeezed text stands in the text, looked up piece by piece."""

    def __init__(self, text: str) -> None:
        self._text = text
        cuts = list(range(0, len(text), _PIECE))
        self._cuts = [*dict.fromkeys(_before_mark(text, cut) for cut in cuts), len(text)]
        lengths = [len(squeezed(text[first:end])) for first, end in pairwise(self._cuts)]
        self._firsts = [0, *accumulate(lengths)]

    def of(self, letter: int) -> int:
        """Return the place of the character that a letter is of; a mark above or below counts to what it is on."""
        piece = bisect_right(self._firsts, letter, hi=len(self._firsts) - 1) - 1
        first, end = self._cuts[piece], self._cuts[piece + 1]
        left = letter - self._firsts[piece]
        while first < end:
            after = first + 1
            while after < end and unicodedata.combining(self._text[after]):
                after += 1
            left -= len(squeezed(self._text[first:after]))
            if left < 0:
                return first
            first = after
        return end


def _before_mark(text: str, cut: int) -> int:
    while cut > 0 and unicodedata.combining(text[cut]):
        cut -= 1
    return cut
