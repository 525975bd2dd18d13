"""A verdict: kept or not, why, what was measured, and which parts are left out."""

from __future__ import annotations

from math import nan
from typing import Literal

from msgspec import Struct

Outcome = Literal["kept", "dropped", "failed", "unknown"]


class Verdict(Struct, frozen=True):
    """A filter's word on one sample: `reason` is one of the filter's finite set, empty where the sample is kept.

    `measured` is the number that was compared (NaN where there is none); `left_out` are the places, among the
    sample's parts, of parts that go while the sample stays, and `left_out_why` the reason of each, where it is told.
    """

    keep: bool
    reason: str = ""
    measured: float = nan
    left_out: tuple[int, ...] = ()
    left_out_why: tuple[str, ...] = ()
