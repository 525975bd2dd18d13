"""What a verb needs beside the light core, said before any work."""

from __future__ import annotations

from importlib.util import find_spec

from schemas.errors import BadInput


def need(*packages: str, extra: str = "trainer") -> None:
    """Raise BadInput, with the extra that brings them, where packages are not here."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise BadInput(f"{', '.join(missing)} is not here", remedy=f"pip install 'ostraka[{extra}]'")
