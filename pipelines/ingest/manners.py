"""Manners: how hard, how long and how politely links are fetched."""

from __future__ import annotations

from msgspec import Struct

from schemas.errors import BadInput


class Manners(Struct, frozen=True):
    """How links are fetched; see `ostraka ingest --help`. They say nothing of what a source is, so that the same
    ingest may go on with others.

    `timeout_s` is for one try with its redirects and whole body; `most_mib` is for a body, however it was packed;
    `backoff_s` is the wait before the second try, and doubles. Where `silent_hosts` hosts in a row give no answer at
    all the network is held to be down; 0 never.
    """

    user_agent: str = "ostraka/0.1 (fetches pictures that a dataset lists; robots.txt token: ostraka)"
    concurrency: int = 32
    per_host: int = 4
    timeout_s: float = 20.0
    retries: int = 2
    backoff_s: float = 1.0
    most_mib: float = 20.0
    redirects: int = 5
    silent_hosts: int = 10
    robots: bool = True
    allow_private: bool = False

    def __post_init__(self) -> None:
        if not self.token or not self.user_agent.isascii() or not self.user_agent.isprintable():
            remedy = "give a name in ASCII, a slash and a version, and how to reach you"
            raise BadInput(f"{self.user_agent!r} is no User-Agent", remedy=remedy)

    @property
    def token(self) -> str:
        """The name that robots.txt and X-Robots-Tag may call this agent by: what stands first in its User-Agent."""
        return self.user_agent.split("/", 1)[0].split(" ", 1)[0]

    @property
    def most_bytes(self) -> int:
        """The most bytes of a body."""
        return int(self.most_mib * (1 << 20))
