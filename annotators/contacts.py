"""Contacts: how many e-mail addresses and telephone numbers each text of a sample holds. They are counted, not kept.

An address is what stands on both sides of an @ as mail servers have it, its last label of two letters or more and no
file's extension (`icon@2x.png` is none). A number is one that the numbering plan of its country could have given out,
by Google's libphonenumber: with + and the country's code anywhere, and as it is written at home in `regions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from annotators.annotator import Annotator, Look, Subject
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary.texts import TEXT_EMAILS, TEXT_PHONES

EMAIL = re.compile(
    r"""(?<![\w.%+'-])[\w%+'-]{1,64}(?:\.[\w%+'-]{1,64}){0,8}
        @(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}
        (?!(?:png|jpe?g|gif|webp|svg|bmp|tiff?|avif|mp4|mov|webm|js|css|html?)\b)[^\W\d_]{2,63}(?![\w-])""",
    re.VERBOSE | re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_FEWEST_DIGITS = 6


class Contacts(Annotator, frozen=True):
    """`regions` are ISO 3166 codes of the countries whose numbers are known without + and the country's code."""

    regions: tuple[str, ...] = ("US", "GB")

    writes: ClassVar = (TEXT_EMAILS, TEXT_PHONES)
    made_with: ClassVar = ("phonenumbers",)

    @contextmanager
    def open(self) -> Iterator[Look]:
        from phonenumbers import Leniency, PhoneNumberMatcher

        def phones(text: str) -> int:
            """Count places, since a number may be one of several regions at once."""
            if len(_DIGIT.findall(text)) < _FEWEST_DIGITS:
                return 0
            places: set[int] = set()
            for region in self.regions or (None,):
                found: Any = PhoneNumberMatcher(text, region, leniency=Leniency.VALID)
                places.update(match.start for match in found)
            return len(places)

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [
                Noted({"text_emails": [*map(emails, texts)], "text_phones": [*map(phones, texts)]})
                for texts in ([text.text for text in subject.sample.texts] for subject in subjects)
            ]

        yield look


def emails(text: str) -> int:
    """Return how many e-mail addresses a text holds."""
    return sum(1 for _ in EMAIL.finditer(text)) if "@" in text else 0
