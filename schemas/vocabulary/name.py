"""A note's name as it is declared, once, with all that a column needs to hold it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "bool",
    "uint32",
    "uint64",
    "int64",
    "float64",
    "string",
    "list<uint16>",
    "list<uint32>",
    "list<uint64>",
    "list<float32>",
    "list<float64>",
    "list<string>",
]


class Name(Struct, frozen=True):
    """A note's name: the column type that holds it, its unit, its range where it has one, and what it says."""

    name: str
    kind: Kind
    unit: str
    says: str
    low: float | None = None
    high: float | None = None
