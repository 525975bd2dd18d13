"""Whether a ledger is there: who reads one makes none by a slip of the pen."""

from __future__ import annotations

import os

from schemas.errors import BadInput


def need_ledger(url: str) -> None:
    """Raise BadInput where a ledger's path is no file; a server says for itself what it has."""
    path = url.removeprefix("sqlite://")
    if "://" not in path and not os.path.isfile(path):
        raise BadInput("there is no ledger", where=path, remedy="give the path that the desk was set up with")
