"""Columns: what filters judge, one array a name, a row a sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Lists(Struct, frozen=True):
    """A list per row: row i holds values[offsets[i] : offsets[i + 1]]."""

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]], dtype: Any = object) -> Lists:
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values = np.empty(int(offsets[-1]), dtype)
        values[:] = [value for row in rows for value in row]
        return cls(offsets, values)

    @classmethod
    def joined(cls, pieces: Sequence[Lists]) -> Lists:
        """Return the rows of several, one after another."""
        lengths = [np.diff(piece.offsets) for piece in pieces]
        offsets = np.zeros(sum(map(len, lengths)) + 1, np.int64)
        np.cumsum(np.concatenate([*lengths, np.zeros(0, np.int64)]), out=offsets[1:])
        return cls(offsets, np.concatenate([piece.within() for piece in pieces]))

    def within(self) -> NDArray[Any]:
        """Return the values that belong to the rows."""
        return self.values[self.offsets[0] : self.offsets[-1]]

    def row(self, index: int) -> NDArray[Any]:
        """Return the values of one row."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: NDArray[np.int64]) -> Lists:
        """Return these rows."""
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        at = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Lists(offsets, self.values[at])

    def rows_where(self, stay: NDArray[np.bool_]) -> Lists:
        """Return the rows that stay, in order: what `take` does, at a third of the cost."""
        lengths = np.diff(self.offsets)
        offsets = np.zeros(int(stay.sum()) + 1, np.int64)
        np.cumsum(lengths[stay], out=offsets[1:])
        return Lists(offsets, self.within()[np.repeat(stay, lengths)])

    def where(self, stay: NDArray[np.bool_]) -> Lists:
        """Return the same rows with the values that stay."""
        counted = np.concatenate([[0], np.cumsum(stay)])
        return Lists(counted[self.offsets], self.values[stay])

    def row_of_value(self) -> NDArray[np.int64]:
        """Return, for each value, the row that it belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class Columns:
    """Columns by name, all of `count` rows: an array for a whole-sample value, Lists where a row holds several."""

    def __init__(self, count: int, arrays: Mapping[str, NDArray[Any] | Lists]) -> None:
        self.count, self._arrays = count, arrays

    def array(self, name: str) -> NDArray[Any]:
        """Return a column of one value a row."""
        found = self._arrays[name]
        if isinstance(found, Lists):
            raise TypeError(f"{name} holds lists")
        return found

    def lists(self, name: str) -> Lists:
        """Return a column of a list a row."""
        found = self._arrays[name]
        if not isinstance(found, Lists):
            raise TypeError(f"{name} holds one value a row")
        return found

    def take(self, rows: NDArray[np.int64]) -> Columns:
        """Return these rows."""
        return Columns(
            len(rows),
            {name: found.take(rows) if isinstance(found, Lists) else found[rows] for name, found in self.items()},
        )

    def rows_where(self, stay: NDArray[np.bool_]) -> Columns:
        """Return the rows that stay, in order."""
        if stay.all():
            return self
        arrays = {n: one.rows_where(stay) if isinstance(one, Lists) else one[stay] for n, one in self.items()}
        return Columns(int(stay.sum()), arrays)

    def items(self) -> Iterable[tuple[str, NDArray[Any] | Lists]]:
        """Return the columns with their names."""
        return self._arrays.items()

    def row(self, index: int) -> dict[str, Any]:
        """Return one row as plain values."""
        return {
            name: found.row(index).tolist() if isinstance(found, Lists) else found[index : index + 1].tolist()[0]
            for name, found in self._arrays.items()
        }

    def names(self) -> Iterable[str]:
        return self._arrays.keys()


def joined(names: Sequence[str], pieces: Sequence[Columns]) -> Columns:
    """Return the rows of several, one after another."""
    arrays: dict[str, NDArray[Any] | Lists] = {}
    for name in names:
        found = [dict(piece.items())[name] for piece in pieces]
        several = [one for one in found if isinstance(one, Lists)]
        arrays[name] = Lists.joined(several) if several else np.concatenate([np.asarray(one) for one in found])
    return Columns(sum(piece.count for piece in pieces), arrays)


def one_row(notes: Mapping[str, Any]) -> Columns:
    """Return the columns of a single sample."""
    arrays: dict[str, NDArray[Any] | Lists] = {}
    for name, value in notes.items():
        if isinstance(value, list | tuple):
            numeric = all(isinstance(item, int | float) for item in value) and value
            arrays[name] = Lists.of([value], np.float64 if numeric else object)
        else:
            array = np.empty(1, object) if isinstance(value, str) else np.zeros(1, np.asarray(value).dtype)
            array[0] = value
            arrays[name] = array
    return Columns(1, arrays)
