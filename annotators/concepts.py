"""Concepts: which entries of a vocabulary the texts of a sample hold, for balance to count.

MetaCLIP's rule: an entry with a space on each side is a part of the text with a space on each side. In both, marks of
punctuation stand apart, a run of white space is one space, and upper and lower case are the same (Unicode's case
folding). So "ice cream" is in "Ice  cream, please!" and "cat" is not in "cathedral".
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import ClassVar

import fsspec

from annotators.annotator import Annotator, Look, Subject
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.vocabulary.compared import CONCEPTS

ENGLISH = os.path.join(os.path.dirname(__file__), "data", "concepts_en.txt.gz")
"""The vocabulary that comes with ostraka; what it is made of stands at its head."""

_APART = re.compile(r"""([,.;:?!`"'“”‘’«»()\[\]{}<>/|#*…–—])""")
_GZIP = b"\x1f\x8b"


class Concepts(Annotator, frozen=True):
    """Notes the entries that any text of the sample matches; `vocabulary` is a path or a URL, empty for English.

    A vocabulary is UTF-8, an entry a line, plain or gzipped; lines at its head that begin with # are no entries.
    """

    vocabulary: str = ""
    fold_case: bool = True

    writes: ClassVar = (CONCEPTS,)
    made_with: ClassVar = ("ahocorasick_rs",)

    @property
    def batch(self) -> int:
        return 1024

    def weights(self) -> tuple[str, ...]:
        """Return the digest of the entries; raises BadInput where the vocabulary cannot be used."""
        return (sha256("\n".join(self.entries()).encode()).hexdigest(),)

    def entries(self) -> tuple[str, ...]:
        """Return the entries as they are matched; a note's numbers are their places, from 0."""
        return read_entries(self.vocabulary or ENGLISH, fold_case=self.fold_case)

    @contextmanager
    def open(self) -> Iterator[Look]:
        from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

        matcher = AhoCorasick(
            [f" {entry} " for entry in self.entries()],
            matchkind=MatchKind.Standard,
            store_patterns=False,
            implementation=Implementation.ContiguousNFA,
        )

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [
                Noted({"concepts": sorted({entry for entry, _, _ in matches})})
                for subject in subjects
                for matches in [matcher.find_matches_as_indexes(self._haystack(subject), overlapping=True)]
            ]

        yield look

    def _haystack(self, subject: Subject) -> str:
        """Return all texts with a line each, which no entry reaches across."""
        return "\n".join(f" {spaced(text.text, fold_case=self.fold_case)} " for text in subject.sample.texts)


def spaced(text: str, *, fold_case: bool = True) -> str:
    """Return a text as entries are looked for in it: one space between words, and around marks of punctuation."""
    return " ".join(_apart(text, fold_case).split())


def _apart(text: str, fold_case: bool) -> str:
    return _APART.sub(r" \1 ", text.casefold() if fold_case else text)


def read_entries(url: str, *, fold_case: bool = True) -> tuple[str, ...]:
    """Return the entries of a vocabulary, spaced, in the order of its lines.

    Raises BadInput that names the line where one is empty or comes twice, and the file where it cannot be read.
    """
    _, lines, first = read_lines(url)
    seen: dict[str, int] = {}
    for number, line in enumerate(_apart("\n".join(lines), fold_case).split("\n") if lines else (), first):
        entry = " ".join(line.split())
        if not entry:
            raise BadInput("an entry is empty", where=f"{url}, line {number}", remedy="give one entry a line")
        if entry in seen:
            raise BadInput(
                f"{entry!r} stands in line {seen[entry]} already", where=f"{url}, line {number}", remedy="leave one out"
            )
        seen[entry] = number
    if not seen:
        raise BadInput("the vocabulary has no entry", where=url, remedy="give one entry a line")
    return tuple(seen)


def read_lines(url: str) -> tuple[list[str], list[str], int]:
    """Return the head of a vocabulary, the lines below it, and the number of the first of these, from 1."""
    lines = _text(url).split("\n")
    if not lines[-1]:
        lines.pop()
    head = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[:head], lines[head:], head + 1


def _text(url: str) -> str:
    try:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read()
        return (gzip.decompress(data) if data.startswith(_GZIP) else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput("not UTF-8", where=f"{url}, line {line}", remedy="give a text file in UTF-8") from None
    except (OSError, EOFError, ImportError, ValueError, zlib.error) as error:
        raise BadInput(f"the vocabulary cannot be read ({error})", where=url, remedy="give a text file") from None
