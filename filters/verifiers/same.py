"""Whether two mathematical answers are the same: numbers within a tolerance, expressions by their values at points.

Two expressions are equal where they agree at eight points drawn from the reference and the answer by a keyed hash:
an identity test that is bounded, where a simplifier is not, and that an answer cannot be written against. Points
where a side is undefined or not real say nothing, and five have to be left.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256

import numpy as np
from msgspec import Struct

from filters.verifiers.bounds import MOST_ITEMS, TooComplexError
from filters.verifiers.evaluate import UndefinedError, Value, value
from filters.verifiers.number import is_close
from filters.verifiers.tree import Node, letters

POINTS, LEAST_POINTS = 8, 5
SYMBOLIC_REL_TOL = 1e-9
_REAL = 1e-9
_NOISE = 1e-13
_SEVERAL = frozenset(("list", "set", "choice"))


class Tolerance(Struct, frozen=True):
    """A relative error; `whole_exact`: two whole numbers are compared exactly, whatever the tolerance."""

    rel_tol: float
    whole_exact: bool = True


def same(answer: Node, reference: Node, within: Tolerance) -> bool:
    """Return whether two trees say the same."""
    answer, reference = _plain(answer), _plain(reference)
    if reference.kind in _SEVERAL or answer.kind in _SEVERAL:
        return _same_several(_members(answer), _members(reference), within)
    if reference.kind == "relation" or answer.kind == "relation":
        return _same_relation(answer, reference, within)
    if reference.kind in ("tuple", "matrix", "union"):
        alike = answer.kind == reference.kind and answer.text == reference.text
        if not alike or len(answer.below) != len(reference.below):
            return False
        if reference.kind == "union":
            return _same_several(list(answer.below), list(reference.below), within)
        return all(same(one, other, within) for one, other in zip(answer.below, reference.below, strict=True))
    if answer.kind in ("tuple", "matrix", "union"):
        return False
    return _same_expression(answer, reference, within)


def _plain(node: Node) -> Node:
    """Take off what names an answer and is none of it: x = 5, x in {1, 2}."""
    if node.kind == "relation" and node.text in ("=", "in") and _is_name(node.below[0]):
        return node.below[1]
    return node


def _is_name(node: Node) -> bool:
    """A letter, or a letter of letters: y, f(x)."""
    if node.kind == "product":
        return all(map(_is_name, node.below))
    return node.kind == "letter" or (node.kind == "tuple" and all(map(_is_name, node.below)))


def _members(node: Node) -> list[Node]:
    """Return the members of a list, a set or a choice; of anything else itself."""
    if node.kind == "constant" and node.text == "emptyset":
        return []
    if node.kind not in _SEVERAL:
        return [node]
    found = [member for one in node.below for member in _members(_plain(one))]
    if len(found) > MOST_ITEMS:
        raise TooComplexError
    return found


def _same_several(answer: list[Node], reference: list[Node], within: Tolerance) -> bool:
    """Each of the one has its own among the other: an order is none, and nothing said twice counts twice."""
    if len(answer) != len(reference):
        return False
    left = list(reference)
    for one in answer:
        at = next((at for at, other in enumerate(left) if same(one, other, within)), None)
        if at is None:
            return False
        del left[at]
    return True


def _same_relation(answer: Node, reference: Node, within: Tolerance) -> bool:
    """Equations are the same where their differences are in proportion; inequalities side by side, or turned round."""
    if answer.kind != reference.kind:
        return False
    if answer.text == reference.text == "=":
        return _in_proportion(_difference(answer), _difference(reference))
    for way in (answer, _turned(answer)):
        if way.text == reference.text and len(way.below) == len(reference.below):
            pairs = zip(way.below, reference.below, strict=True)
            if all(same(one, other, within) for one, other in pairs):
                return True
    return False


def _turned(node: Node) -> Node:
    opposite = {"<": ">", ">": "<", "le": "ge", "ge": "le"}
    signs = " ".join(opposite.get(sign, sign) for sign in reversed(node.text.split()))
    return Node("relation", signs, tuple(reversed(node.below)))


def _difference(node: Node) -> Node:
    minus = Node("product", "", (Node("number", "-1"), node.below[1]))
    return Node("sum", "", (node.below[0], minus))


def _same_expression(answer: Node, reference: Node, within: Tolerance) -> bool:
    if answer == reference:
        return True
    names = letters(reference) - {"e", "i"}
    if not names:
        if letters(answer) - {"e", "i"}:
            return False
        return _same_number(answer, reference, within)
    seen = list(_at_points(answer, reference))
    return len(seen) >= LEAST_POINTS and all(_near(one, other, SYMBOLIC_REL_TOL) for one, other in seen)


def _same_number(answer: Node, reference: Node, within: Tolerance) -> bool:
    try:
        one, other = value(answer, {}), value(reference, {})
    except UndefinedError:
        return False
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        if within.whole_exact and one.denominator == other.denominator == 1:
            return one == other
        return is_close(one, other, within.rel_tol)
    return _near(complex(one), complex(other), within.rel_tol)


def _near(one: complex, other: complex, rel_tol: float) -> bool:
    """Compare floats; what is left of a sum that is nothing, sin(pi) for one, is not a difference."""
    return abs(one - other) <= rel_tol * abs(other) + _NOISE


def _at_points(answer: Node, reference: Node) -> Iterator[tuple[complex, complex]]:
    """Yield the values of both at points of either sign, where both are real or the expressions themselves are not."""
    names = sorted(letters(answer) | letters(reference))
    seed = sha256(repr((answer, reference)).encode()).digest()
    draws = np.frombuffer(b"".join(sha256(seed + bytes([at])).digest() for at in range(len(names) + 2)), np.uint32)
    for point in range(2 * POINTS):
        at = {}
        for place, name in enumerate(names):
            share = float(draws[(point * len(names) + place) % len(draws)]) / 2**32
            at[name] = complex((0.3 + 2.2 * share) * (-1 if point >= POINTS and (point + place) % 2 else 1))
        try:
            one, other = _complex(value(answer, at)), _complex(value(reference, at))
        except UndefinedError:
            continue
        if _is_real(one) and _is_real(other):
            yield one, other


def _complex(found: Value) -> complex:
    return complex(float(found)) if isinstance(found, Fraction) else found


def _is_real(found: complex) -> bool:
    return abs(found.imag) <= _REAL * max(abs(found), 1.0)


def _in_proportion(answer: Node, reference: Node) -> bool:
    names = letters(reference)
    if not names or letters(answer) != names:
        return False
    ratios = [one / other for one, other in _at_points(answer, reference) if abs(other) > SYMBOLIC_REL_TOL]
    return len(ratios) >= LEAST_POINTS and all(_near(ratio, ratios[0], 1e-7) and ratio != 0 for ratio in ratios)
