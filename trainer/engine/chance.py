"""Chance by key: the draw of a token hangs on its row's seed, its prompt's key and its place, and on nothing else.

So an answer is the same alone and among others, in whatever order, and a row can be drawn again by itself. SHA-256
costs a microsecond, the token that it picks a thousand times as much.
"""

from __future__ import annotations

from hashlib import sha256


def row_seed(seed: int, row: int) -> int:
    """Return the seed of one row of many: a call for this row alone, with this seed, gives what the row gave.

    The first row's is the seed itself; others are far from every seed that a person would count up to.
    """
    return seed if row == 0 else _number(f"row {seed} {row}") >> 1


def keyed_seed(seed: int, key: str) -> int:
    """Return the seed that a program which knows no keys is given for a prompt of this one."""
    return _number(f"key {seed} {key}") >> 1


def fraction(seed: int, key: str, place: int) -> float:
    """Return the number in [0, 1) that picks the token at a place of an answer."""
    return (_number(f"{seed} {place} {key}") >> 12) * 2.0**-52


def _number(said: str) -> int:
    return int.from_bytes(sha256(said.encode()).digest()[:8], "big")
