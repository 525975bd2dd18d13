"""Who may ask: a token that is compared in constant time, and an address that only this machine reaches.

The token is in no log and in no error.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import socket

from schemas.errors import BadInput

VARIABLE = "OSTRAKA_TOKEN"


def token_of_environment() -> tuple[str, bool]:
    """Return the token, and whether it was made here; raises BadInput for one that no header can carry."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        return secrets.token_urlsafe(24), True
    if not all("!" <= one <= "~" for one in given):
        raise BadInput("holds more than visible ASCII", where=VARIABLE, remedy="choose another, or leave it unset")
    return given, False


def is_let_in(authorization: str, token: str) -> bool:
    """Whether a header carries the token."""
    kind, _, given = authorization.partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and kind.lower() == "bearer"


def bound_socket(host: str, port: int, *, exposed: bool) -> socket.socket:
    """Return a socket that has the address and does not listen yet; raises BadInput."""
    if not exposed and not _is_loopback(host):
        raise BadInput(
            "others than this machine would reach it",
            where=f"--host {host}",
            remedy="leave it out, or add --exposed and put something that encrypts before it",
        )
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        remedy = "choose another --port, or 0 for any that is free"
        raise BadInput(f"{error.strerror}", where=f"{host}:{port}", remedy=remedy) from None
    return bound


def url_of(bound: socket.socket) -> str:
    """Return where clients find it."""
    host, port, *_ = bound.getsockname()
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
