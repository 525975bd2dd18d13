"""Kinds: the type of the column that holds what people say under a name.

Names of the vocabulary have theirs. Those of a sheet of one's own have that of what it asks; a note under any other
name cannot be held, and is left out with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from annotators.desk.label_studio.sheet import Choice, Field, Grade, Places, Sheet, Spans, Tracks
from schemas.note import Note, Value, Whole
from schemas.people import Word
from schemas.vocabulary.all import NAMES

UNKNOWN_NAME, WRONG_KIND = "unknown_name", "wrong_kind"
_INTEGERS = ("int64", "uint32", "uint64")


class Kinds(Struct, frozen=True):
    """The kind of each name that people may write."""

    of: Mapping[str, str]

    def problem(self, note: Note) -> str:
        """Return why a note cannot be held, nothing where it can."""
        kind = self.of.get(note.name)
        if kind is None:
            return UNKNOWN_NAME
        return "" if _fits(note.value, kind) else WRONG_KIND

    def columns(self, words: Sequence[Word]) -> dict[str, str]:
        """Return the columns that hold what these words say of whole samples."""
        names = {note.name for word in words for note in word.notes if isinstance(note.at, Whole)}
        return {name: self.of[name] for name in sorted(names)}


def kinds_of(sheets: Sequence[Sheet] = ()) -> Kinds:
    """Return the kinds of the vocabulary's names and of those that sheets ask."""
    own = {name: kind for sheet in sheets for name, kind in _asked(sheet)}
    return Kinds({**own, **{name.name: name.kind for name in NAMES.values()}})


def _asked(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for one in sheet.asked:
        yield one.name, _kind(one)
        for field in one.fields if isinstance(one, Spans | Tracks) else ():
            yield field.name, _kind(field)


def _kind(one: Field | Places) -> str:
    if isinstance(one, Grade):
        return "uint32"
    return "list<string>" if isinstance(one, Choice) and one.several else "string"


def _fits(value: Value, kind: str) -> bool:
    if isinstance(value, list):
        return kind.startswith("list<") and all(_fits(one, kind[5:-1]) for one in value)
    if isinstance(value, bool | str):
        return kind == ("bool" if isinstance(value, bool) else "string")
    if isinstance(value, int):
        return kind in (*_INTEGERS, "float64", "float32", "uint16") and (value >= 0 or not kind.startswith("uint"))
    return kind in ("float64", "float32")
