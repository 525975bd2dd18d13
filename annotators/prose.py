"""Prose: what the rules of Gopher and C4 measure of a text, so that their thresholds are questions to notes.

Gopher: Rae et al. 2021 (arXiv 2112.11446), appendix A.1 and its table A1. C4: Raffel et al. 2020 (JMLR 21), with what
its published code does besides. Words are what white space parts; the rules are made for such languages, and of a
Chinese text they say nothing. What is measured is the text that a model would learn: of a dialogue its answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import ClassVar

from annotators.annotator import Annotator, Needs, Subject
from schemas.note import Noted, Value
from schemas.sample import Sample
from schemas.vocabulary.prose import (
    C4_BANNED,
    C4_LINE_SHARE,
    C4_SENTENCES,
    DUPLICATE_GRAMS,
    PROSE_ALPHABETIC,
    PROSE_BULLETS,
    PROSE_ELLIPSES,
    PROSE_ELLIPSIS_LINES,
    PROSE_HASHES,
    PROSE_REPEATED,
    PROSE_STOP_WORDS,
    PROSE_WORD_CHARS,
    PROSE_WORDS,
    REPEATED_PLACES,
    TOP_GRAMS,
)

STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
ASIDES = ("alt", "label")
LONGEST_WORD = 1000
LEAST_WORDS = 3

_PARAGRAPHS = re.compile(r"\n{2,}")
_LINES = re.compile(r"\n+")
_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)")
_ENDS = (".", "?", "!", '"', "'")
_ELLIPSES = ("...", "…")
_BULLETS = ("•", "-")


class Prose(Annotator, frozen=True):
    """Measures Gopher's quality and repetition and C4's lines; some ten megabytes of text a second."""

    writes: ClassVar = (
        PROSE_WORDS,
        PROSE_WORD_CHARS,
        PROSE_HASHES,
        PROSE_ELLIPSES,
        PROSE_BULLETS,
        PROSE_ELLIPSIS_LINES,
        PROSE_ALPHABETIC,
        PROSE_STOP_WORDS,
        PROSE_REPEATED,
        C4_SENTENCES,
        C4_LINE_SHARE,
        C4_BANNED,
    )

    @property
    def needs(self) -> Needs:
        """Time for a book of some hundred megabytes."""
        return Needs(limit_s=300.0)

    @property
    def batch(self) -> int:
        return 64

    def look(self, subject: Subject) -> Noted:
        text = learnt_text(subject.sample)
        words = text.split()
        return Noted({**quality(text, words), "prose_repeated": repetition(text, words), **c4(text)})


def learnt_text(sample: Sample) -> str:
    """Return what of a sample's texts is to be learnt: the answers of a dialogue, else all but asides."""
    answers = [text.text for text in sample.texts if text.role == "assistant"]
    return "\n\n".join(answers or (text.text for text in sample.texts if text.role not in ASIDES))


def quality(text: str, words: Sequence[str]) -> dict[str, Value]:
    """Return what Gopher's rules of quality compare; zeros where there is no word.

    Shares are of all words, or of all lines; a word counts and has a length where it is more than punctuation.
    """
    real = [word for word in words if word[0].isalnum() or not all(map(_is_mark, word))]
    lines, count = text.splitlines() or [""], len(words) or 1
    return {
        "prose_words": len(real),
        "prose_word_chars": sum(map(len, real)) / (len(real) or 1),
        "prose_hashes": text.count("#") / count,
        "prose_ellipses": sum(map(text.count, _ELLIPSES)) / count,
        "prose_bullets": sum(line.lstrip().startswith(_BULLETS) for line in lines) / len(lines),
        "prose_ellipsis_lines": sum(line.rstrip().endswith(_ELLIPSES) for line in lines) / len(lines),
        "prose_alphabetic": sum([word[0].isalpha() or any(map(str.isalpha, word)) for word in words]) / count,
        "prose_stop_words": len(STOP_WORDS.intersection(words)),
    }


def repetition(text: str, words: Sequence[str]) -> list[bool | int | float | str]:
    """Return how much of a text is repeated, by the places of PROSE_REPEATED; zeros for an empty one."""
    if not text:
        return [0.0] * REPEATED_PLACES
    from annotators.word_runs import repeated_chars

    lines, paragraphs = _LINES.split(text), _PARAGRAPHS.split(text.strip())
    lines_again, line_chars = _again(lines)
    paragraphs_again, paragraph_chars = _again(paragraphs)
    return [
        lines_again / len(lines),
        paragraphs_again / len(paragraphs),
        line_chars / len(text),
        paragraph_chars / len(text),
        *(chars / len(text) for chars in repeated_chars(words, TOP_GRAMS, DUPLICATE_GRAMS)),
    ]


def c4(text: str) -> dict[str, Value]:
    """Return how many sentences stand in the lines that C4 keeps, their share of all characters, and what on such a
    line bans the whole text: `lorem_ipsum`, `curly_bracket`, or nothing."""
    kept_chars, sentences = 0, 0
    for line in c4_lines(text):
        folded = line.lower()
        banned = "lorem_ipsum" if "lorem ipsum" in folded else ""
        if not banned and "javascript" in folded:
            continue
        banned = banned or ("curly_bracket" if "{" in line else "")
        if banned:
            return {"c4_sentences": sentences, "c4_line_share": 0.0, "c4_banned": banned}
        if not any(policy in folded for policy in POLICIES):
            sentences += count_sentences(line)
            kept_chars += len(line)
    return {"c4_sentences": sentences, "c4_line_share": kept_chars / (len(text) or 1), "c4_banned": ""}


def c4_lines(text: str) -> Iterator[str]:
    """Yield the lines that are sentences by their looks, citations taken out: three words, none endless, and an end."""
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        plain = _CITATION.sub("", line)
        ends = plain.endswith(_ENDS) and not plain.endswith("...")
        if ends and len(words) >= LEAST_WORDS and all(len(word) <= LONGEST_WORD for word in words):
            yield plain


def count_sentences(line: str) -> int:
    """Return how many sentences a line holds: ends of sentences before white space, and what follows the last."""
    ends = [found.end() for found in _SENTENCE_END.finditer(line)]
    return len(ends) + (not ends or bool(line[ends[-1] :].strip()))


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "PSCZ"


def _again(pieces: Sequence[str]) -> tuple[int, int]:
    """Return how many pieces stood there before, and their characters."""
    seen, again, chars = set[str](), 0, 0
    for piece in pieces:
        if piece in seen:
            again, chars = again + 1, chars + len(piece)
        seen.add(piece)
    return again, chars
