"""By people: what filters and annotators read of whole samples where people have said something of them.

A value of theirs stands in the place of an annotator's. Names that people alone write can be read without an annotator:
of a sample that nobody was asked about they are empty, or zero. A grade of difficulty is no other name for what models'
answers gave, so it moves that by its weight, as the source's word does, and in the place of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.columns import Lists
from pipelines.shelf.people import Words
from schemas.difficulty import difficulty
from schemas.errors import BadInput
from schemas.note import Value, Whole
from schemas.people import overruled
from schemas.task import DIFFICULTIES
from schemas.vocabulary.answers import DIFFICULTY, PASS_RATE
from schemas.vocabulary.people import PERSON_DIFFICULTY

Column = NDArray[Any] | Lists
Read = Callable[[str, NDArray[np.int64]], Column]
_WHOLE = Whole()


def told(words: Words, name: str) -> dict[int, Value]:
    """Return what people say under a name of whole samples, by row."""
    found: dict[int, Value] = {}
    for row, said in words.items():
        for at, word in enumerate(said):
            for note in word.notes:
                if note.name == name and note.at == _WHOLE and not overruled(said[:at], name, _WHOLE):
                    found.setdefault(row, note.value)
    return found


def with_people(words: Words, name: str, rows: NDArray[np.int64], column: Column, read: Read) -> Column:
    """Return a column with people's values in it; `read` reads an annotator's column of some rows."""
    by_people = _tiers(words, rows, read) if name == DIFFICULTY.name else told(words, name)
    at = np.flatnonzero(np.isin(rows, np.fromiter(by_people, np.int64, len(by_people))))
    return _replaced(column, at, [by_people[row] for row in rows[at].tolist()], name) if len(at) else column


def by_people_alone(words: Words, rows: NDArray[np.int64], name: str, kind: str) -> Column:
    """Return a column that people alone write, empty or zero where nobody was asked."""
    said = told(words, name)
    if kind.startswith("list<"):
        return Lists.of([said.get(row, []) for row in rows.tolist()])  # type: ignore[misc]
    empty: Any = "" if kind == "string" else 0
    dtype = object if kind == "string" else np.dtype(kind)
    return np.array([said.get(row, empty) for row in rows.tolist()], dtype)


def _tiers(words: Words, rows: NDArray[np.int64], read: Read) -> dict[int, Value]:
    """Return the tiers of tasks that people graded, each moved from its pass rate towards their word."""
    grades = told(words, PERSON_DIFFICULTY.name)
    asked = rows[np.isin(rows, np.fromiter(grades, np.int64, len(grades)))]
    rates = read(PASS_RATE.name, asked) if len(asked) else np.zeros(0)
    assert not isinstance(rates, Lists)
    return {
        row: difficulty(float(rate), DIFFICULTIES[int(str(grades[row])) - 1])
        for row, rate in zip(asked.tolist(), rates, strict=True)
    }


def _replaced(column: Column, at: NDArray[np.int64], values: Sequence[Value], name: str) -> Column:
    try:
        if isinstance(column, Lists):
            rows: list[Any] = [column.row(place) for place in range(len(column.offsets) - 1)]
            for place, value in zip(at.tolist(), values, strict=True):
                rows[place] = np.array(value, column.values.dtype)
            return Lists.of(rows, column.values.dtype)
        column = column.copy()
        for place, value in zip(at.tolist(), values, strict=True):
            if isinstance(value, list) or isinstance(value, str) != (column.dtype == object):
                raise TypeError(f"{value!r} for {column.dtype}")
            column[place] = value
        return column
    except (TypeError, ValueError) as error:
        remedy = "give the layer's question another name, or an answer of the kind that the annotator writes"
        raise BadInput(f"people's {name} is of another kind ({error})", where="desk", remedy=remedy) from None
