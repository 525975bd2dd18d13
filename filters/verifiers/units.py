"""Quantities: a number and a unit of pint's, compared in the reference's unit.

What stands for a unit is looked at before pint sees it: short, letters with small powers, so that nothing in it can be
worked out at length. The registry takes half a second, once a process; its look-ups are behind a lock, since filling
its caches from several threads is not promised to be safe.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from threading import Lock
from typing import Any

from msgspec import Struct

from filters.verifiers.bounds import TooComplexError, check_size
from filters.verifiers.evaluate import UndefinedError, value
from filters.verifiers.expression import read
from filters.verifiers.number import exactly, read_number
from schemas.errors import BadInput

MOST_UNIT_CHARS = 40
_LOCK = Lock()
_QUANTITY = re.compile(
    r"(?P<number>[-+]?[0-9.]*(?:\\[dt]?frac(?:\{[^{}]*\}|[0-9])(?:\{[^{}]*\}|[0-9])|\\sqrt\{[^{}]*\}|\\pi(?![A-Za-z]))+"
    r"|[-+]?\s?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]{1,3}(?![A-Za-z0-9])|\s?(?:[x×*·]|\\times|\\cdot)\s?10\s?\^\s?\{?\(?[-+]?[0-9]{1,3}\)?\}?)?"
    r"(?:\s?/\s?[0-9]+)?)"
    r"\s*(?P<unit>(?:\^?\s?\{?\\(?:circ|Omega|mu|%)|[A-Za-zµμΩΩÅ°℃%/])[^=]*)?"
)
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_SUPERSCRIPT = re.compile(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LATEX = re.compile(r"\\(?:text|mathrm|mathbf|rm|mbox|operatorname|si|unit)\s?\{([^{}]*)\}")
_SHAPE = re.compile(r"[A-Za-zµμΩΩÅ°]+(?:\^-?[1-6])?(?:\s?[*/ ]\s?[A-Za-zµμΩΩÅ°(]+(?:\^-?[1-6])?\)?(?:\^-?[1-6])?){0,5}")
_POWER = re.compile(r"(?<=[A-Za-zµμΩΩÅ°])(-?[1-6])(?![0-9])")
_NAMES = {
    "sec": "s", "secs": "s", "hrs": "hour", "lbs": "lb", "cc": "cm^3", "℃": "degC", "°C": "degC", "°F": "degF",
    "^circC": "degC", "degrees celsius": "degC", "degree celsius": "degC", "celsius": "degC", "°": "degree",
    "amps": "ampere", "Celsius": "degC", "degrees Celsius": "degC", "kph": "km/hour", "ml": "mL", "l": "L",
    "^circ": "degree", "deg C": "degC", "%": "percent", "Ω": "ohm",
}  # fmt: skip


class Quantity(Struct, frozen=True):
    """A number, and what stands after it; no unit is an empty one."""

    value: Fraction
    unit: str


def read_quantity(text: str) -> Quantity | None:
    """Return the number and the unit that a text is, whatever the unit; None where it does not begin with a number."""
    check_size(text)
    plain = _LATEX.sub(r" \1 ", text.replace("{,}", "").replace("$", "").replace("−", "-"))
    plain = re.sub(r"\\[,;:! ]|~", " ", plain).strip().rstrip(".")
    found = _QUANTITY.fullmatch(plain)
    if not found or "\\sqrt" in (found["unit"] or "") or "frac" in (found["unit"] or ""):
        return None
    number = _number(found["number"])
    return None if number is None else Quantity(number, (found["unit"] or "").strip())


def known(unit: str) -> bool:
    """Return whether pint knows a unit."""
    return _parsed(unit) is not None


def converted(quantity: Quantity, unit: str) -> Fraction | None:
    """Return a quantity's number in a unit, None where the two are not of one kind or one is not known."""
    one, other = _parsed(quantity.unit), _parsed(unit)
    if one is None or other is None:
        return None
    with _LOCK:
        if one == other:
            return quantity.value
        if one.dimensionality != other.dimensionality:
            return None
        return exactly(float(_registry().Quantity(float(quantity.value), one).to(other).magnitude))


def _number(text: str) -> Fraction | None:
    number = read_number(text)
    if number:
        return number.value
    tree = read(text)
    try:
        found = None if tree is None else value(tree, {})
    except (UndefinedError, TooComplexError):
        return None
    return exactly(found.real) if isinstance(found, complex) and abs(found.imag) == 0 else _fraction(found)


def _fraction(found: object) -> Fraction | None:
    return found if isinstance(found, Fraction) else None


def _spelled(unit: str) -> str:
    unit = _SUPERSCRIPT.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), unit.strip())
    unit = unit.replace("\\circ", "circ").replace("{", "").replace("}", "").replace("\\cdot", "*").replace("\\%", "%")
    unit = unit.replace("·", "*").replace("⋅", "*").replace("\\Omega", "ohm").replace("\\mu ", "µ").replace("**", "^")
    unit = unit.replace("^ circ", "^circ").replace("^circ C", "^circC").replace("^(", "^").replace(" per ", "/")
    unit = _NAMES.get(unit, _NAMES.get(unit.casefold(), unit))
    return _POWER.sub(r"^\1", re.sub(r"\s+", " ", unit.replace(" ^", "^")))


@cache
def _registry() -> Any:
    try:
        from pint import UnitRegistry
    except ImportError as error:
        raise BadInput("quantities need pint", remedy="pip install 'ostraka[verifiers]'") from error
    return UnitRegistry(cache_folder=None)


def _parsed(unit: str) -> Any:
    if len(unit) > MOST_UNIT_CHARS:
        return None
    spelled = _spelled(unit)
    if not _SHAPE.fullmatch(spelled) or spelled.count("(") != spelled.count(")"):
        return None
    with _LOCK:
        registry = _registry()
        from pint.errors import PintError

        try:
            return registry.parse_units(spelled)
        except (PintError, ValueError, TypeError, AttributeError):
            return None
