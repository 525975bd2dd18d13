"""The tree of a mathematical answer: `Node(kind, text, below)`.

Kinds of an expression: number, letter, constant, sum, product, inverse, quotient, power, call, factorial, degrees,
percent; and above those list, tuple, set, union, relation, choice (a plus-minus) and matrix. Sums and products have any
number of members, so that a tree is no deeper than what is written in brackets.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct


class Node(Struct, frozen=True):
    """A place in a tree."""

    kind: str
    text: str = ""
    below: tuple[Node, ...] = ()


class UnreadableError(Exception):
    """A text is not in the grammar."""


def letters(node: Node) -> frozenset[str]:
    """Return the letters of a tree."""
    own = {node.text} if node.kind == "letter" else set()
    return frozenset(own.union(*map(letters, node.below)))


def number(value: Fraction | int) -> Node:
    """Return the tree of a number."""
    return Node("number", str(Fraction(value)))


def joined(kind: str, members: Sequence[Node]) -> Node:
    """Return the sum or product of members, of one itself."""
    return members[0] if len(members) == 1 else Node(kind, "", tuple(members))


def negative(node: Node) -> Node:
    """Return the tree of -x."""
    if node.kind == "number":
        return number(-Fraction(node.text))
    return Node("product", "", (number(-1), node))


def mixed(whole: Node, above: Fraction, below: Fraction) -> Node:
    """Return the tree of a mixed number, 3 1/2."""
    if below == 0:
        raise UnreadableError
    value = Fraction(whole.text)
    return number(value - above / below if value < 0 else value + above / below)
