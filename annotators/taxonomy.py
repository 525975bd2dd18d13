"""A taxonomy: categories of instructions by what they ask for, each with words that tell it and examples.

It is a JSON file, so that another can take its place:

    {"name": "mine", "other": "other", "categories": [
        {"name": "counting", "says": "asks how many there are", "media": "picture",
         "patterns": ["how many"], "examples": ["How many birds sit on the wire?"]}]}

`patterns` are regular expressions, looked for in the questions whatever their case; `media` is what a question must
come with (picture, clip, any, none; empty for whatever); `says` and `examples` are what embeddings and a model go by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import Literal

import fsspec
import msgspec
from msgspec import Struct

from schemas.errors import BadInput

DEFAULT = os.path.join(os.path.dirname(__file__), "data", "taxonomy_instructions.json")
"""The taxonomy that comes with ostraka."""

_NAME = re.compile(r"[a-z][a-z0-9_.]*")

Media = Literal["", "picture", "clip", "any", "none"]


class Category(Struct, frozen=True, forbid_unknown_fields=True):
    """One category; between equals the one that stands first in the taxonomy is meant."""

    name: str
    says: str
    media: Media = ""
    patterns: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def takes(self, pictures: int, clips: int) -> bool:
        """Say whether a question with so many pictures and clips can be of this category."""
        there = {"": True, "picture": pictures > 0, "clip": clips > 0, "any": pictures + clips > 0}
        return there.get(self.media, pictures + clips == 0)


class Taxonomy(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Categories in order; `other` is what no rule, embedding or model can place."""

    name: str
    categories: tuple[Category, ...]
    other: str = "other"

    @property
    def names(self) -> tuple[str, ...]:
        """All that a sample's category may be."""
        return (*(one.name for one in self.categories), self.other)

    @property
    def digest(self) -> str:
        """The SHA-256 of all that it says."""
        return sha256(msgspec.json.encode(self)).hexdigest()

    @cached_property
    def _patterns(self) -> list[list[re.Pattern[str]]]:
        return [[re.compile(pattern, re.IGNORECASE) for pattern in one.patterns] for one in self.categories]

    def open_to(self, pictures: int, clips: int) -> list[int]:
        """Return the places of the categories that a question with so many pictures and clips can be of."""
        return [place for place, one in enumerate(self.categories) if one.takes(pictures, clips)]

    def by_rules(self, question: str, places: Sequence[int]) -> list[int]:
        """Return, of these categories, those of which most patterns stand in a question; none where none does."""
        found = {place: sum(bool(one.search(question)) for one in self._patterns[place]) for place in places}
        most = max(found.values(), default=0)
        return [place for place, count in found.items() if count == most] if most else []


def read_taxonomy(url: str) -> Taxonomy:
    """Return the taxonomy of a file, by default ostraka's own; raises BadInput that says what is wrong and where."""
    where = url or DEFAULT
    try:
        with fsspec.open(where, "rb") as file:
            found = msgspec.json.decode(file.read(), type=Taxonomy)
    except (OSError, ImportError, ValueError) as error:
        remedy = "give a JSON with name and categories; see docs/how-to/instructions.md"
        raise BadInput(f"the taxonomy cannot be used ({error})", where=where, remedy=remedy) from None
    seen = set[str]()
    for name in found.names:
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} is no category's name", where=where, remedy="use a-z, 0-9, _ and .")
        if name in seen:
            raise BadInput(f"two categories are called {name!r}", where=where, remedy="rename one")
        seen.add(name)
    if not found.categories:
        raise BadInput("the taxonomy has no category", where=where, remedy="give one or more")
    for one in found.categories:
        for pattern in one.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise BadInput(
                    f"{pattern!r} is no regular expression ({error})", where=f"{where}, category {one.name}"
                ) from None
    return found
