"""Checking what an annotator says, where it says it: every note that it names, of the type that it declares."""

from __future__ import annotations

import re
from math import inf
from typing import Any

from annotators.annotator import Annotator
from schemas.errors import BadSample, Unavailable
from schemas.note import Noted

_REASON = re.compile(r"[a-z][a-z0-9_]*")
_BITS = {"uint16": 16, "uint32": 32, "uint64": 64}
_MOST_FLOAT32 = (2 - 2**-23) * 2.0**127


def check(annotator: Annotator, said: Noted | BadSample) -> None:
    """Raise Unavailable where an annotator breaks its word; that is its fault, never the sample's."""
    if isinstance(said, BadSample):
        if not _REASON.fullmatch(said.reason):
            raise _broken(annotator, f"it failed a sample for the reason {said.reason!r}", "give one in snake_case")
        return
    kinds = {name.name: name.kind for name in annotator.writes}
    if missing := [name for name in kinds if name not in said.values]:
        remedy = "write every note that `writes` names, or raise BadSample"
        raise _broken(annotator, f"it wrote no {', '.join(missing)}", remedy)
    if unknown := [name for name in said.values if name not in kinds]:
        raise _broken(annotator, f"it wrote {', '.join(unknown)}", "name every note in `writes`")
    for name, kind in kinds.items():
        if not _fits(kind, said.values[name]):
            raise _broken(annotator, f"it wrote {said.values[name]!r} as {name}", f"`writes` says {kind}")
    if wrong := [name for name, number in said.counts.items() if not _fits("uint64", number)]:
        raise _broken(annotator, f"it counted {said.counts[wrong[0]]!r} as {wrong[0]}", "count in whole numbers")
    places = {name.name for name in annotator.places}
    if unknown := sorted({note.name for note in said.places} - places):
        raise _broken(annotator, f"it wrote {', '.join(unknown)} on places", "name every such note in `places`")


def _broken(annotator: Annotator, what: str, remedy: str) -> Unavailable:
    return Unavailable(what, where=f"annotator {annotator.name}", remedy=remedy)


def _fits(kind: str, value: Any) -> bool:
    if kind.startswith("list<"):
        return isinstance(value, list) and all(_fits(kind[5:-1], item) for item in value)
    if kind == "string":
        return isinstance(value, str)
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    if kind in ("float32", "float64"):
        return isinstance(value, float | int) and (kind == "float64" or not _MOST_FLOAT32 < abs(value) < inf)
    if kind == "int64":
        return isinstance(value, int) and -(2**63) <= value < 2**63
    return isinstance(value, int) and 0 <= value < 2 ** _BITS[kind]
