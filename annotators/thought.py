"""Thought: what the thinking of an answer looks like, so that noisy and redundant thinking can be told from the rest.

The paper drops inconsistent and noisy reasoning and redundant patterns of thought and gives no rule (section 4); what
is measured here is cheap and says why.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.note import Noted
from schemas.response import BOX, BOX_END
from schemas.vocabulary.soundness import THOUGHT_CHARS, THOUGHT_CONTRADICTS, THOUGHT_DOUBTS, THOUGHT_REPEATED

GRAM_WORDS, WINDOW_WORDS = 8, 400
_WORD = re.compile(r"\w+")
_DOUBT = re.compile(
    r"\b(?:wait|hmm+|hold on|let me (?:re-?check|re-?think|double[- ]check|think again|try again)|on second thought|"
    r"actually, no)\b|等等|让我再|重新(?:想|考虑|检查)",
    re.IGNORECASE,
)
_NUMBER = r"-?\$?\s?(\d[\d,]*(?:\.\d+)?)"
_RESULT = re.compile(rf"(?:=|\bis|\bequals|\banswer:?)\s*(?:about\s*)?{_NUMBER}(?![\d.,]*\d)", re.IGNORECASE)
_CALCULATED = re.compile(r"<<[^<>]*>>")
"""What a calculator filled in, as GSM8K writes it; the number behind it is what the text goes on with."""
_TAIL_CHARS = 300


class Thought(Annotator, frozen=True):
    """Looks at all thinking of a dialogue; without any, everything is 0."""

    writes: ClassVar = (THOUGHT_CHARS, THOUGHT_REPEATED, THOUGHT_DOUBTS, THOUGHT_CONTRADICTS)

    @property
    def batch(self) -> int:
        return 256

    def look(self, subject: Subject) -> Noted:
        thoughts = [text.text for text in subject.sample.texts if text.role == "think"]
        answers = [text.text for text in subject.sample.texts if text.role == "assistant"]
        told = "\n".join(thoughts)
        return Noted(
            {
                "thought_chars": len(told),
                "thought_repeated": round(repeated_share(told), 6),
                "thought_doubts": len(_DOUBT.findall(told)),
                "thought_contradicts": bool(thoughts and answers) and contradicts(thoughts[-1], answers[-1]),
            }
        )


def repeated_share(text: str) -> float:
    """Return the largest share of a window of 400 words that stands in runs of eight words said before in it."""
    words = [word.lower() for word in _WORD.findall(text)]
    step = WINDOW_WORDS // 2
    starts = range(0, max(len(words) - step, 1), step)
    return max((_repeated(words[start : start + WINDOW_WORDS]) for start in starts), default=0.0)


def _repeated(words: list[str]) -> float:
    grams = [tuple(words[at : at + GRAM_WORDS]) for at in range(len(words) - GRAM_WORDS + 1)]
    seen, covered = Counter[tuple[str, ...]](), set[int]()
    for at, gram in enumerate(grams):
        if seen[gram]:
            covered.update(range(at, at + GRAM_WORDS))
        seen[gram] += 1
    return len(covered) / len(words) if words else 0.0


def contradicts(thinking: str, answer: str) -> bool:
    """Say whether the last number that the end of the thinking states as a result is not the number in the box.

    False where the box holds no plain number, or the thinking states none.
    """
    box = answer.rpartition(BOX)[2].partition(BOX_END)[0].strip()
    boxed = re.fullmatch(rf"{_NUMBER}\s*%?\.?", box)
    stated = _RESULT.findall(_CALCULATED.sub("", thinking)[-_TAIL_CHARS:])
    if BOX not in answer or not boxed or not stated:
        return False
    return _value(stated[-1]) != _value(boxed[1])


def _value(digits: str) -> float:
    return float(digits.replace(",", ""))
