"""Skipping: the field in which people say why they skip a task, which stands in every configuration.

The open-source editor has a button for it and no word; without one a skip cannot be told from a slip.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

SKIP = "ostraka_skip"
"""The field's name; no sheet may ask under it."""


class _Region(Struct, frozen=True):
    from_name: str = ""
    value: dict[str, Any] = {}


def why_skipped(result: object) -> str:
    """Return what somebody said who skipped, empty where nothing was said."""
    try:
        regions = msgspec.convert(result, list[_Region])
    except msgspec.ValidationError:
        return ""
    said = next((one.value.get("text") for one in regions if one.from_name == SKIP), None) or []
    return " ".join([said] if isinstance(said, str) else map(str, said)).strip()
