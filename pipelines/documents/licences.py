"""Licences by the addresses of Creative Commons, in the names that SPDX gives them."""

from __future__ import annotations

import re

_DEED = re.compile(r"creativecommons\.org/(?:licenses/([a-z-]+)/(\d\.\d)|publicdomain/(zero|mark)/(\d\.\d))", re.I)


def licence_of(url: str) -> str:
    """Return the licence that an address of Creative Commons stands for, an empty string for any other."""
    found = _DEED.search(url)
    if not found:
        return ""
    kind, version, public, public_version = found.groups()
    if kind:
        return f"CC-{kind.upper()}-{version}"
    return f"CC0-{public_version}" if public.lower() == "zero" else f"PDM-{public_version}"
