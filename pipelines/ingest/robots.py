"""What the owners of pictures ask of machines: robots.txt for a host's paths, X-Robots-Tag for one answer."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.robotparser import RobotFileParser

REFUSING = frozenset({"noai", "noimageai", "noindex", "noimageindex"})
"""Directives of X-Robots-Tag that img2dataset honours."""

_VALUED = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
"""Directives that have a value behind a colon, and so look like an agent."""

MOST_ROBOTS_BYTES = 500 << 10
"""RFC 9309 asks for at least so much of a robots.txt to be read; what follows is passed over."""


def refusal(values: Iterable[str], token: str) -> str:
    """Return the first refusing directive of X-Robots-Tag headers that speaks to everybody or to `token`, or nothing.

    An agent before a colon holds for the directives behind it, to the header's end or the next agent.
    """
    for value in values:
        agent = ""
        for piece in value.lower().split(","):
            named, colon, directive = piece.partition(":")
            if not colon:
                directive = named
            elif named.strip() not in _VALUED:
                agent = named.strip()
            if agent in ("", token.lower()) and directive.strip() in REFUSING:
                return directive.strip()
    return ""


def rules_of(status: int, body: bytes) -> RobotFileParser | None:
    """Return what a robots.txt allows; None where the host could not say, and nothing is allowed until it can.

    As RFC 9309 has it: an answer of 4xx is none, and allows all; one of 5xx, or 429, forbids all.
    """
    if status >= 500 or status == 429:
        return None
    rules = RobotFileParser()
    rules.parse(body.decode("utf-8", "replace").lstrip("\ufeff").splitlines() if status == 200 else [])
    return rules
