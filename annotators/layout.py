"""Layout of a document: how many words its texts have, and how many stand behind each of its pictures.

It looks at no pixel and costs microseconds. Words are runs of letters and digits; where a script has no spaces between
them (Chinese, Japanese, Thai and their like), each letter is one.
"""

from __future__ import annotations

import re
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.note import Item, Noted
from schemas.sample import Image, Text
from schemas.vocabulary.documents import PICTURE_WORDS_AFTER, TEXT_WORDS

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}]+")


class Layout(Annotator, frozen=True):
    """Alternative texts count as the words that they are; `picture_words_after` leaves them out, since nobody reads
    them there."""

    writes: ClassVar = (TEXT_WORDS, PICTURE_WORDS_AFTER)

    def look(self, subject: Subject) -> Noted:
        behind, after = 0, list[Item]()
        for part in reversed(subject.sample.parts):
            if isinstance(part, Image):
                after.append(behind)
            elif isinstance(part, Text) and part.role != "alt":
                behind += words_in(part.text)
        texts: list[Item] = [words_in(text.text) for text in subject.sample.texts]
        return Noted({"text_words": texts, "picture_words_after": after[::-1]})


def words_in(text: str) -> int:
    """Return how many words a text has."""
    return sum(1 for _ in _WORD.finditer(text))
