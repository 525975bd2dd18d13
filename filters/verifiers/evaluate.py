"""The value of a tree: exact where it is rational, else a complex float, and never more work than a few bounded steps.

Powers, factorials and binomials are looked at before they are worked out: what would not fit is too complex.
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import reduce

from filters.verifiers.bounds import TooComplexError
from filters.verifiers.tree import Node

Value = Fraction | complex
MOST_BITS = 4_096
MOST_FACTORIAL = 170


class UndefinedError(Exception):
    """A tree has no value here: a division by nothing, a letter without one, a function outside what it takes."""


def value(node: Node, at: Mapping[str, complex]) -> Value:
    """Return the value of a tree with these letters; raises UndefinedError or TooComplexError."""
    try:
        found = _value(node, at, False)
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        raise UndefinedError from error
    if isinstance(found, complex) and not cmath.isfinite(found):
        raise UndefinedError
    return found


def _value(node: Node, at: Mapping[str, complex], angle: bool) -> Value:
    if node.kind == "number":
        return Fraction(node.text)
    if node.kind == "letter":
        return _letter(node.text, at)
    if node.kind == "constant":
        return _constant(node.text)
    if node.kind == "call":
        inside_angle = node.text in ("sin", "cos", "tan", "sec", "csc", "cot")
        return _call(node.text, [_value(one, at, inside_angle) for one in node.below])
    below = [_value(one, at, angle) for one in node.below]
    if node.kind in ("sum", "product"):
        work = operator.add if node.kind == "sum" else operator.mul
        return reduce(lambda one, other: _small(_both(one, other, work)), below)
    if node.kind in ("quotient", "inverse"):
        above = below[0] if node.kind == "quotient" else Fraction(1)
        return _small(_both(above, below[-1], operator.truediv))
    if node.kind == "power":
        return _power(below[0], below[1])
    if node.kind == "factorial":
        return Fraction(math.factorial(_whole(below[0], MOST_FACTORIAL)))
    if node.kind == "percent":
        return _both(below[0], Fraction(100), operator.truediv)
    if node.kind == "degrees":
        return complex(below[0]) * math.pi / 180 if angle else below[0]
    raise UndefinedError


def _letter(name: str, at: Mapping[str, complex]) -> Value:
    if name == "e":
        return complex(math.e)
    if name == "i":
        return 1j
    if name not in at:
        raise UndefinedError
    return at[name]


def _constant(name: str) -> Value:
    if name == "pi":
        return complex(math.pi)
    raise UndefinedError


def _both(first: Value, second: Value, work: Callable[[Value, Value], Value]) -> Value:
    if isinstance(first, Fraction) and isinstance(second, Fraction):
        return work(first, second)
    return work(_float(first), _float(second))


def _small(found: Value) -> Value:
    if isinstance(found, Fraction) and _bits(found) > MOST_BITS:
        raise TooComplexError
    return found


def _bits(found: Fraction) -> int:
    return max(found.numerator.bit_length(), found.denominator.bit_length())


def _float(found: Value) -> complex:
    return complex(float(found)) if isinstance(found, Fraction) else found


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        if abs(exponent) * max(_bits(base), 1) > MOST_BITS and abs(base) != 1 and base != 0:
            raise TooComplexError
        return base ** (int(exponent) % 2 if base == -1 else int(exponent))
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        return _root(base, exponent)
    if _float(base) == 0:
        raise UndefinedError
    return _float(base) ** _float(exponent)


def _root(base: Fraction, exponent: Fraction) -> Value:
    """A root of a rational number: exact where it comes out, real where the degree is odd."""
    if base < 0 and exponent.denominator % 2:
        turned = _root(-base, exponent)
        return -turned if exponent.numerator % 2 else turned
    if base < 0:
        return complex(float(base)) ** float(exponent)
    if base == 0 and exponent < 0:
        raise UndefinedError
    return complex(float(base) ** float(exponent))


def _whole(found: Value, most: int) -> int:
    if not isinstance(found, Fraction) or found.denominator != 1 or found < 0:
        raise UndefinedError
    if found > most:
        raise TooComplexError
    return int(found)


def _call(name: str, given: list[Value]) -> Value:
    if name == "abs":
        return abs(given[0]) if isinstance(given[0], Fraction) else complex(abs(given[0]))
    if name == "root":
        return _power(given[0], _both(Fraction(1), given[1], operator.truediv))
    if name == "binom":
        above, below = _whole(given[0], 1_000), _whole(given[1], 1_000)
        return Fraction(math.comb(above, below))
    inside = _float(given[0])
    if name == "log":
        base = _float(given[1]) if len(given) > 1 else None
        return cmath.log(inside) / cmath.log(base) if base is not None else cmath.log(inside)
    return _PLAIN[name](inside)


_PLAIN: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "sec": lambda z: 1 / cmath.cos(z),
    "csc": lambda z: 1 / cmath.sin(z),
    "cot": lambda z: 1 / cmath.tan(z),
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "asin": cmath.asin,
    "acos": cmath.acos,
    "atan": cmath.atan,
    "sinh": cmath.sinh,
    "cosh": cmath.cosh,
    "tanh": cmath.tanh,
    "ln": cmath.log,
    "lg": cmath.log10,
    "exp": cmath.exp,
}
