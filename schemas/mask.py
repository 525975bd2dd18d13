"""Masking: what opens a door in an address (a password, a token, a signature) is not repeated to anyone."""

from __future__ import annotations

import re
from typing import Any

MASK = "***"

_USER = re.compile(r"(?<=://)[^/\s?#@:]*:[^/\s?#]*(?=@)|(?<=http://)[^/\s?#]+(?=@)|(?<=https://)[^/\s?#]+(?=@)", re.I)
_PARAMETER = re.compile(r"(?<=[?&;#])([^\s?&;#=]+=)([^\s&;#'\"]+)")
_SIGNS = re.compile("sig|token|secret|pass|pwd|credential|key|auth|code|session|policy", re.I)


def masked(text: str) -> str:
    """Return a text in which no URL has its user's password, or the value of a parameter that signs.

    Which do is told by their names (X-Amz-Signature, sig, access_token), rather one too many than one missed. Takes
    time in proportion to the text, whoever wrote it.
    """
    return _PARAMETER.sub(_without_value, _USER.sub(MASK, text)) if "=" in text or "@" in text else text


def masked_in(value: Any) -> Any:
    """Return a value of JSON in which every text is masked."""
    match value:
        case str():
            return masked(value)
        case dict():
            return {name: masked_in(one) for name, one in value.items()}
        case list() | tuple():
            return [masked_in(one) for one in value]
    return value


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if _SIGNS.search(found[1]) else found[0]
